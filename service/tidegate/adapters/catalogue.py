"""The catalogue of metrics: name, kind, what it says, labels, buckets. The reference page is made from it.

Names follow Prometheus' conventions: base units, `_total` for counters, `_ratio` for 0 to 1 (or above, where overload is
possible). Labels take values from closed sets; no device, site or gateway is ever one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How Prometheus treats it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric. `buckets` are upper bounds in the metric's unit, for histograms."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, text: str, *labels: str) -> Instrument:
    return Instrument(name, Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Instrument:
    return Instrument(name, Kind.GAUGE, text, labels)


def _histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Instrument:
    return Instrument(name, Kind.HISTOGRAM, text, labels, tuple(buckets))


_STAGE_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""A micro-batch takes single milliseconds, an fsync on a slow disk tens; beyond seconds something is wrong."""

_PLAN_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""From a small site's repair to the planner's time limit."""

_REQUEST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""A post waits for an fsync; a list of a large site for its encoding."""

_BATCH_READINGS: Final = (1, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
"""From a trickle to several full messages in one batch."""

_DECADES: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0)
"""−log10 p: of calibrated scores one in ten lies above 1, one in a thousand above 3."""

READINGS: Final = _counter(
    "tidegate_readings_total",
    "Readings by outcome: scored, duplicate, quarantined or dead_lettered; together all received.",
    "outcome",
)
DEADLETTERS: Final = _counter("tidegate_deadletters_total", "Readings and messages set aside, by reason.", "reason")
LETTERS_WAITING: Final = _gauge(
    "tidegate_deadletters_waiting",
    "Dead letters kept and not replayed, by reason; at most 100,000 are counted.",
    "reason",
)
LETTERS_AGE: Final = _gauge("tidegate_deadletters_oldest_age_seconds", "Age of the oldest of them; 0 when there is none.")
BATCH_SECONDS: Final = _histogram(
    "tidegate_batch_seconds", "Time of a batch by stage: decode, core or commit.", _STAGE_SECONDS, "stage"
)
BATCH_READINGS: Final = _histogram("tidegate_batch_readings", "Readings received in one batch.", _BATCH_READINGS)
BATCHES_FAILED: Final = _counter(
    "tidegate_batches_failed_total",
    "Batches on which the core raised. Their input is taken again in smaller parts until one is left; "
    '`tidegate_deadletters_total{reason="poison"}` counts those.',
)
SCORES: Final = _histogram(
    "tidegate_score_neg_log10_p",
    "Rarity of scored readings, −log10 p. Drifting upwards means calibration has lost the fleet.",
    _DECADES,
)
UNJUDGED: Final = _counter("tidegate_readings_unjudged_total", "Scored readings whose device could not be judged yet.")
LATE: Final = _counter("tidegate_readings_late_total", "Scored readings older than their device's newest.")
RERUN: Final = _counter("tidegate_readings_rerun_total", "Earlier readings stepped again because a late one fell among them.")
TAIL: Final = _gauge("tidegate_tail_readings", "Readings kept because a late one may still fall among them.")
ANOMALIES_REVISED: Final = _counter(
    "tidegate_anomalies_revised_total", "Anomalies amended or retracted after a late reading, by status.", "status"
)
ANOMALIES: Final = _counter(
    "tidegate_anomalies_total", "Anomalies opened, by severity and the device's profile.", "severity", "profile"
)
DECISIONS: Final = _counter("tidegate_decisions_total", "Facts in the life of plans, by status and trigger.", "status", "trigger")
MOVES: Final = _counter("tidegate_moves_total", "Devices moved by plans that were applied or halted, by trigger.", "trigger")
ASSIGNMENTS: Final = _counter(
    "tidegate_assignments_total", "Assignments published: granted (active), or that nobody serves the device.", "phase"
)
GRANTS_RENEWED: Final = _counter("tidegate_grants_renewed_total", "Grants that were set anew where their device was.")
LAG: Final = _gauge("tidegate_lag_records", "Records not yet taken when the last batch began, by input topic.", "topic")
DRAIN: Final = _gauge(
    "tidegate_drain_seconds",
    "Time until nothing waits, at the rates in and out of the last 30 s; worst partition. `+Inf`: the lag does not fall; "
    "`NaN`: not known yet.",
    "topic",
)
TURN_AGE: Final = _gauge(
    "tidegate_turn_age_seconds", "Since a worker's loop last gave a sign of life; worst partition. Fails liveness at its bound."
)
COMMIT_AGE: Final = _gauge(
    "tidegate_commit_age_seconds", "Since the last commit; worst partition. Even without input there is one at every tick."
)
TRANSACTION_AGE: Final = _gauge("tidegate_transaction_age_seconds", "Age of the open transaction; worst partition.")
HELD: Final = _gauge(
    "tidegate_input_held_seconds",
    "For how long a producer's unfinished transaction has kept an input from being read; worst input and partition.",
)
PLAN_AGE: Final = _gauge("tidegate_planner_wait_seconds", "Since the planner last answered; 0 while nobody waits for an answer.")
EVENT_TIME_LAG: Final = _gauge(
    "tidegate_event_time_lag_seconds", "How far the latest event time is behind the tick; worst partition."
)
DEVICES: Final = _gauge("tidegate_devices", "Devices by state: ok, warming, partial or stale.", "state")
UNKNOWN: Final = _gauge("tidegate_unknown_ratio", "Share of devices whose state is not ok: their score is no full judgement.")
PENDING: Final = _gauge(
    "tidegate_pending_messages", "Telemetry messages in the log that no worker has taken yet; one holds 1 to 10,000 readings."
)
ANOMALIES_OPEN: Final = _gauge("tidegate_anomalies_open", "Anomalies open now.")
INCIDENTS_OPEN: Final = _gauge("tidegate_incidents_open", "Incidents open now.")
UNSERVED: Final = _gauge("tidegate_unserved_devices", "Devices of a topology that no gateway serves.")
SUSPECTS: Final = _gauge(
    "tidegate_suspect_gateways", "Gateways that live and are not trusted with all of their capacity; which, is on REST."
)
CENSORED: Final = _gauge(
    "tidegate_censored_devices",
    "Devices that use all that they are given of some resource, and may need more; which, is on REST.",
)
SHORT: Final = _gauge(
    "tidegate_short_devices",
    "Devices that are granted less than they ask of some resource; at which gateways, is on REST.",
)
UTILISATION: Final = _gauge(
    "tidegate_gateway_utilisation_max_ratio", "Load over capacity of the fullest gateway and resource; above 1 is overload."
)
HEADROOM: Final = _gauge(
    "tidegate_headroom_without_one_ratio",
    "Share of capacity left free should a gateway fail and the others carry everything: the worst gateway, resource and site; "
    "below 0 it would not fit. `NaN` without a topology.",
)
REPLAYED: Final = _counter("tidegate_replayed_batches_total", "Batches replayed from the journal to restore partitions.")
PARTITIONS: Final = _gauge("tidegate_partitions_owned", "Partitions this process works, or restores to work them.")
UNANSWERED: Final = _gauge(
    "tidegate_partitions_unanswered", "Partitions whose live state no worker answers for; 0 where `api.workers` is not set."
)
REBALANCES: Final = _counter(
    "tidegate_rebalances_total", "Times that the group shared out its partitions with this process in it."
)
TAKE_OVERS: Final = _counter("tidegate_takeovers_total", "Partitions restored and put to work in this process.")
FENCED: Final = _counter(
    "tidegate_fenced_total",
    "Commits refused because another process took the partition over, or because this one stood still in the middle of one.",
)
PLAN_SECONDS: Final = _histogram("tidegate_plan_seconds", "Time from a plan's request to its answer.", _PLAN_SECONDS)
PLANS_FAILED: Final = _counter("tidegate_plans_failed_total", "Plan requests the planner did not answer.")
BUNDLE_INFO: Final = _gauge("tidegate_bundle_info", "1 for each bundle that serves.", "bundle", "version", "digest")
BUNDLE_CREATED: Final = _gauge(
    "tidegate_bundle_created_timestamp_seconds", "When each bundle that serves was made.", "bundle", "version"
)
LOG_BYTES: Final = _gauge("tidegate_log_bytes", "Bytes of the embedded log in use.")
HISTORY_LAG: Final = _gauge(
    "tidegate_history_lag_records", "Records of the output topics that the last round saw and history does not have yet."
)
HISTORY_BEHIND: Final = _gauge(
    "tidegate_history_behind_seconds", "For how long history has not been level with the topics; 0 while it is."
)
HISTORY_RECORDS: Final = _counter("tidegate_history_records_total", "Records written to history by this process.")
HISTORY_SECONDS: Final = _histogram(
    "tidegate_history_write_seconds", "Time of one transaction of history, from its begin to its commit.", _STAGE_SECONDS
)
HISTORY_FAILURES: Final = _counter(
    "tidegate_history_failures_total",
    "Rounds of history that failed, by the code of the error; nothing is lost, they are tried again.",
    "code",
)
HISTORY_PRUNED: Final = _counter("tidegate_history_pruned_rows_total", "Rows of history deleted for their age.")
ALERTS_SENT: Final = _counter(
    "tidegate_alerts_sent_total", "Alerts handed to Alertmanager; one that goes on is sent every minute."
)
ALERTS_REFUSED: Final = _counter(
    "tidegate_alerts_refused_total", "Those in a request that Alertmanager refused; the log says why."
)
ALERTS_FAILED: Final = _counter("tidegate_alerts_failed_total", "Attempts to send alerts that failed; each is repeated.")
ALERTS_DROPPED: Final = _counter("tidegate_alerts_dropped_total", "Alerts that were not kept, for 5,000 stood already.")
HTTP_REQUESTS: Final = _counter(
    "tidegate_http_requests_total", "HTTP requests by route template, method and status.", "route", "method", "status"
)
HTTP_SECONDS: Final = _histogram(
    "tidegate_http_request_seconds", "Time of an HTTP request until its answer was sent.", _REQUEST_SECONDS, "route", "method"
)
BUILD_INFO: Final = _gauge("tidegate_build_info", "1, labelled with what runs.", "version", "python")

INSTRUMENTS: Final = (
    READINGS,
    DEADLETTERS,
    LETTERS_WAITING,
    LETTERS_AGE,
    UNJUDGED,
    LATE,
    RERUN,
    TAIL,
    SCORES,
    BATCH_READINGS,
    BATCH_SECONDS,
    BATCHES_FAILED,
    LAG,
    DRAIN,
    TURN_AGE,
    COMMIT_AGE,
    TRANSACTION_AGE,
    HELD,
    PLAN_AGE,
    EVENT_TIME_LAG,
    PENDING,
    PARTITIONS,
    UNANSWERED,
    REBALANCES,
    TAKE_OVERS,
    FENCED,
    REPLAYED,
    DEVICES,
    UNKNOWN,
    ANOMALIES,
    ANOMALIES_REVISED,
    ANOMALIES_OPEN,
    INCIDENTS_OPEN,
    DECISIONS,
    MOVES,
    ASSIGNMENTS,
    GRANTS_RENEWED,
    PLAN_SECONDS,
    PLANS_FAILED,
    UNSERVED,
    SUSPECTS,
    CENSORED,
    SHORT,
    UTILISATION,
    HISTORY_LAG,
    HISTORY_BEHIND,
    HISTORY_RECORDS,
    HISTORY_SECONDS,
    HISTORY_FAILURES,
    HISTORY_PRUNED,
    HEADROOM,
    ALERTS_SENT,
    ALERTS_REFUSED,
    ALERTS_FAILED,
    ALERTS_DROPPED,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    LOG_BYTES,
    BUNDLE_INFO,
    BUNDLE_CREATED,
    BUILD_INFO,
)
"""All of them, in the order of the reference page: readings, progress, detection, allocation, history, the door, the process."""


def reference_page() -> str:
    """The catalogue as a Markdown page; `docs/metrics.md` is this text."""
    rows = [
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels) or '–'} | {each.text} |"
        for each in INSTRUMENTS
    ]
    return "\n".join([_HEAD, "| metric | kind | labels | what it says |", "|---|---|---|---|", *rows, _FOOT])


_HEAD: Final = """# Metrics

`GET /metrics` answers in the Prometheus text format. Labels take values from closed sets; no device, site or gateway is
ever one, so the number of series does not grow with the fleet. Counters and histograms start at 0 with the process.

<!-- Made from the catalogue by `python -m tidegate.cli.metrics write docs/metrics.md`; a test holds the two together. -->
"""

_FOOT: Final = """
Beside them stand the process's own, as every exporter names them: `process_resident_memory_bytes`,
`process_cpu_seconds_total`, `process_open_fds`, `process_start_time_seconds` and others.

Gauges are sums over the partitions of this process; ages, `tidegate_drain_seconds`, `tidegate_event_time_lag_seconds` and
`tidegate_gateway_utilisation_max_ratio` are the worst of them. Ages are as of the question, all else as of the last batch.
The two gauges of dead letters that wait are of the whole log, in every process with the role `api`: take one of them, not
their sum.
"""
