"""Anomalies and incidents as HTML. Draws; asks nobody anything."""

from typing import Final

from tidegate.console.markup import Markup, address, device_link, joined
from tidegate.console.wording import SEVERITY_MARKS, counted, duration, moment, number
from tidegate.contracts.annotation import AnomalyView
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Incident, Reason

_MOST_SHOWN: Final = 20
"""Devices that an incident names."""


def row(anomaly: Anomaly, link: str, *, chosen: bool) -> Markup:
    """One anomaly in a list."""
    return Markup(
        '<a class="row" href="{}"{}><span class="cell a-{}" title="{}">{}</span><span class="what"><b>{}</b> '
        '<span class="dim">{}</span></span><time>{}</time><span class="why">{}</span><span class="life">{}</span></a>'
    ).format(
        link,
        Markup(' aria-current="true"') if chosen else "",
        anomaly.severity,
        anomaly.severity,
        SEVERITY_MARKS[anomaly.severity],
        anomaly.device,
        " · ".join(filter(None, (anomaly.site, anomaly.gateway))),
        moment(anomaly.opened_at_ms),
        _because(anomaly),
        life(anomaly),
    )


def life(anomaly: Anomaly) -> str:
    """Where it stands, and who looks after it."""
    if anomaly.status is AnomalyStatus.RETRACTED:
        stands = "retracted: later readings show that it never was"
    elif anomaly.is_open:
        stands = "open"
    else:
        stands = f"closed after {duration(((anomaly.closed_at_ms or anomaly.event_time_ms) - anomaly.opened_at_ms) / 1000)}"
    seen = anomaly.acknowledgement if isinstance(anomaly, AnomalyView) else None
    return stands + (f" · acknowledged by {seen.by}" if seen else "")


def details(anomaly: Anomaly) -> Markup:
    """Everything that is known of one anomaly, but its chart."""
    return Markup(
        '<h2><span class="cell a-{}">{}</span> {} anomaly: {}</h2><p>{} <span class="dim">at {}{}</span></p><h3>Why</h3>{}{}'
    ).format(
        anomaly.severity,
        SEVERITY_MARKS[anomaly.severity],
        anomaly.severity.capitalize(),
        anomaly.fault_kind,
        device_link(anomaly.site, anomaly.device),
        anomaly.site,
        f", gateway {anomaly.gateway}" if anomaly.gateway else "",
        reasons(anomaly.reasons),
        _said(anomaly),
    )


def reasons(found: list[Reason]) -> Markup:
    """Reasons in words, the strongest first, each with observed against expected where that is a range."""
    ranked = sorted(found, key=lambda reason: -reason.neg_log10_p)
    items = joined(
        Markup('<li><span class="strength" title="−log10 p">{}</span><span>{}{}</span></li>').format(
            f"{reason.neg_log10_p:.1f}", reason.text, _scale(reason)
        )
        for reason in ranked
    )
    return Markup('<ul class="reasons">{}</ul>').format(items) if ranked else Markup('<p class="dim">No reason is recorded.</p>')


def incident_row(incident: Incident) -> Markup:
    """One incident in a list, with the devices it took down."""
    ended = moment(incident.closed_at_ms) if incident.closed_at_ms is not None else "open"
    named = joined((device_link(incident.site, device) for device in incident.devices[:_MOST_SHOWN]), ", ")
    more = incident.device_count - min(len(incident.devices), _MOST_SHOWN)
    return Markup(
        '<details><summary><span class="cell a-{}" title="{}">{}</span><b>{}</b> <span class="dim">{} · {} to {}</span>'
        '<span class="why">{}</span></summary><p>{}{}</p></details>'
    ).format(
        incident.severity,
        incident.severity,
        SEVERITY_MARKS[incident.severity],
        incident.cause.replace("-", " "),
        " · ".join(filter(None, (incident.site, incident.gateway, counted(incident.device_count, "device")))),
        moment(incident.opened_at_ms),
        ended,
        incident.text,
        named,
        f" and {more:,} more" if more > 0 else "",
    )


def chips(wanted: dict[str, str | None], name: str, choices: list[tuple[str, str | None]]) -> Markup:
    """Links that set `name` in what the page is asked, the one in force marked."""
    return joined(
        Markup('<a href="{}"{}>{}</a>').format(
            address("anomalies", **{**wanted, name: value}),
            Markup(' aria-current="true"') if wanted.get(name) == value else "",
            word,
        )
        for word, value in choices
    )


def _because(anomaly: Anomaly) -> str:
    if not anomaly.reasons:
        return anomaly.fault_kind.value
    return max(anomaly.reasons, key=lambda reason: reason.neg_log10_p).text


def _scale(reason: Reason) -> Markup:
    """A line with the expected range on it, and where the observed value lies."""
    low, high, seen = reason.expected_low, reason.expected_high, reason.observed
    if low is None or high is None or seen is None:
        return Markup("")
    least, most = min(low, seen), max(high, seen)
    pad = (most - least or 1.0) * 0.06
    least, width = least - pad, (most - least) + 2 * pad
    return Markup(
        '<span class="scale" role="img" aria-label="observed {}, expected {} to {}"><span class="band" style="left:{}%;'
        'width:{}%"></span><span class="seen" style="left:{}%"></span></span><span class="dim">{} observed · '
        "{} to {} expected</span>"
    ).format(
        number(seen),
        number(low),
        number(high),
        f"{(low - least) / width * 100:.1f}",
        f"{max((high - low) / width * 100, 0.5):.1f}",
        f"{(seen - least) / width * 100:.1f}",
        number(seen),
        number(low),
        number(high),
    )


def _said(anomaly: Anomaly) -> Markup:
    if not isinstance(anomaly, AnomalyView) or not anomaly.labels:
        return Markup("")
    items = joined(
        Markup('<li><b>{}</b> says {} <span class="dim">{}{}</span></li>').format(
            given.by, given.label, moment(given.at_ms), f" · {given.note}" if given.note else ""
        )
        for given in anomaly.labels
    )
    return Markup('<h3>What people say it was</h3><ul class="said">{}</ul>').format(items)


def facts(anomaly: Anomaly) -> Markup:
    """What else is known of one anomaly."""
    known = [
        ("opened", f"{moment(anomaly.opened_at_ms)} UTC"),
        ("stands", life(anomaly)),
        ("score", f"{number(anomaly.score)} (−log10 p {number(anomaly.neg_log10_p)})"),
        ("confidence", f"{anomaly.confidence * 100:.0f} %"),
        ("device was", anomaly.device_state),
        ("profile", anomaly.profile),
        ("incident", anomaly.incident or "none"),
        ("judged by", anomaly.bundle),
        ("policy", anomaly.policy),
        ("id", f"{anomaly.id}, version {anomaly.version}"),
    ]
    return Markup("<h3>Facts</h3>{}").format(table(known))


def table(rows: list[tuple[str, str]]) -> Markup:
    """Names and values."""
    return Markup("<table>{}</table>").format(
        joined(Markup('<tr><th scope="row">{}</th><td>{}</td></tr>').format(name, value) for name, value in rows)
    )
