"""Dashboard "fleet": how the devices are, what is unusual, and how far the scores may be trusted."""

from board import Bars, Board, Number, Panel, Query, Row
from promql import increase, quantiles, rate, total, worst

_OPENED_IN_A_DAY = increase("tidegate_anomalies_total", "24h")

FLEET = Board(
    uid="tidegate-fleet",
    title="Tidegate / Fleet",
    text="Devices, anomalies, incidents and scores. For one device: GET /v1/devices/{site}/{device}/explain.",
    rows=[
        Row(
            "Now",
            [
                Number("Devices", "Devices that have state.", total("tidegate_devices")),
                Number(
                    "Unknown",
                    "Share of devices that are warming, partial or stale: their score is no full judgement.",
                    worst("tidegate_unknown_ratio"),
                    unit="percentunit",
                    limits=(0.1, 0.3),
                ),
                Number("Open anomalies", "Anomalies open now.", total("tidegate_anomalies_open"), limits=(1, 20)),
                Number("Open incidents", "Common causes open now.", total("tidegate_incidents_open"), limits=(1, 3)),
                Number("Opened in 24 h", "Anomalies opened in the last day.", _OPENED_IN_A_DAY),
                Number(
                    "Per 1,000 device-days",
                    "Anomalies opened in a day for each 1,000 devices; the alert budget of the profiles bounds it.",
                    f"1000 * {_OPENED_IN_A_DAY} / {total('tidegate_devices')}",
                ),
            ],
        ),
        Row(
            "Devices",
            [
                Panel(
                    "Devices by state",
                    "Stale devices fell silent or stand still; many at once are one incident, not many anomalies.",
                    [Query(total("tidegate_devices", "state"), "{{state}}")],
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Readings by outcome",
                    "All that came in. What is quarantined or dead-lettered has a reason below.",
                    [Query(rate("tidegate_readings_total", "outcome"), "{{outcome}}")],
                    unit="cps",
                    stacked=True,
                    width=12,
                ),
            ],
        ),
        Row(
            "Anomalies",
            [
                Panel(
                    "Anomalies opened, by severity",
                    "Few and true is the aim. A step up without an incident: look at the rarity of readings.",
                    [Query(f"60 * {rate('tidegate_anomalies_total', 'severity')}", "{{severity}}")],
                    unit="opm",
                    stacked=True,
                ),
                Panel(
                    "Anomalies opened, by profile",
                    "One profile far above the others: its alert budget, or a fault that all of its devices share.",
                    [Query(f"60 * {rate('tidegate_anomalies_total', 'profile')}", "{{profile}}")],
                    unit="opm",
                    stacked=True,
                ),
                Panel(
                    "Open anomalies and incidents",
                    "Anomalies that stay open for long want an operator's word.",
                    [Query(total("tidegate_anomalies_open"), "anomalies"), Query(total("tidegate_incidents_open"), "incidents")],
                ),
                Panel(
                    "Unusable input, by reason",
                    "What producers send that cannot be scored.",
                    [Query(rate("tidegate_deadletters_total", "reason"), "{{reason}}")],
                    unit="cps",
                    width=12,
                ),
                Panel(
                    "Alerts handed to Alertmanager",
                    "About single anomalies and incidents; one that goes on is sent every minute. A failure is repeated.",
                    [
                        Query(f"60 * {rate('tidegate_alerts_sent_total')}", "sent"),
                        Query(f"60 * {rate('tidegate_alerts_refused_total')}", "refused"),
                        Query(f"60 * {rate('tidegate_alerts_failed_total')}", "failed attempts"),
                        Query(f"60 * {rate('tidegate_alerts_dropped_total')}", "dropped"),
                    ],
                    unit="opm",
                    width=12,
                ),
            ],
        ),
        Row(
            "Late readings",
            [
                Panel(
                    "Late readings that count",
                    "Scored though older than their device's newest, and what was stepped again because of them.",
                    [
                        Query(rate("tidegate_readings_late_total"), "late"),
                        Query(rate("tidegate_readings_rerun_total"), "stepped again"),
                    ],
                    unit="cps",
                    width=12,
                ),
                Panel(
                    "Anomalies revised",
                    "Amended or retracted after a late reading. Many: the profiles' horizons are long, or clocks are wrong.",
                    [Query(increase("tidegate_anomalies_revised_total", "5m", "status"), "{{status}}")],
                    width=12,
                ),
            ],
        ),
        Row(
            "Scores",
            [
                Panel(
                    "Rarity of readings",
                    "−log10 p. Calibrated, half of the readings lie below 0.3 and one in a hundred above 2; lines that rise "
                    "together mean that the fleet has changed or calibration has lost it.",
                    quantiles("tidegate_score_neg_log10_p", shares=(0.5, 0.9, 0.99)),
                    width=12,
                ),
                Bars(
                    "Readings by rarity, last hour",
                    "How many readings lie at or below each −log10 p.",
                    Query(increase("tidegate_score_neg_log10_p_bucket", "1h", "le"), "{{le}}"),
                    width=12,
                ),
            ],
        ),
    ],
)
