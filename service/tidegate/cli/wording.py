"""Facts in one line of plain words, for the live view and its plain form. Whatever came from outside is made printable."""

from datetime import UTC, datetime
from typing import Final

from tidegate.contracts.anomaly import Anomaly, DeviceState, Incident, Reason
from tidegate.contracts.plan import PlanScore
from tidegate.contracts.views import DecisionView

NOTHING: Final = 1e-9
"""In any unit we show. A forecast around zero comes as 2e-31, which nobody can read as zero."""


def printable(text: str) -> str:
    """`text` with every control character shown as `·`: an id must not be able to paint the terminal."""
    return "".join(character if character.isprintable() else "·" for character in text)


def number(value: float | None) -> str:
    """Four significant digits; `?` for none, and zero for what only rounding tells from it."""
    if value is None:
        return "?"
    if abs(value) < NOTHING:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def rate(per_second: float | None) -> str:
    """A rate without more digits than it deserves; `…` before there is one."""
    return "…" if per_second is None else f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def counted(count: int, noun: str) -> str:
    """`1 move`, `12 moves`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def clock_time(time_ms: int) -> str:
    """Time of day (UTC) of a Unix time; a time no calendar has is shown as its number."""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return str(time_ms)


def because(anomaly: Anomaly) -> str:
    """The strongest reason: what was observed and what was expected."""
    if not anomaly.reasons:
        return anomaly.fault_kind.value
    return printable(_reason(max(anomaly.reasons, key=lambda reason: reason.neg_log10_p)))


def incident_line(incident: Incident) -> str:
    """An incident in one line."""
    return printable(f"{incident.cause} at {incident.site}: {incident.text}")


def effect(decision: DecisionView) -> str:
    """What a plan changes: before → after, where it changes anything."""
    if decision.before is None or decision.after is None:
        return ""
    return ", ".join(part for part in _changes(decision.before, decision.after)) or "no goal changes"


def changes_between(before: PlanScore, after: PlanScore) -> str:
    """What differs between two scores, goal by goal."""
    return ", ".join(_changes(before, after)) or "no goal changes"


def states(devices: dict[DeviceState, int]) -> str:
    """Devices by state, those that are there."""
    return " ".join(f"{state} {devices[state]:,}" for state in DeviceState if devices.get(state)) or "none yet"


def _reason(reason: Reason) -> str:
    if reason.observed is None or reason.metric is None:
        return reason.text
    if reason.expected_low is not None and reason.expected_high is not None:
        expected = f"{number(reason.expected_low)} to {number(reason.expected_high)}"
    elif reason.expected is not None:
        expected = number(reason.expected)
    else:
        return f"{reason.metric} {number(reason.observed)}: {reason.text}"
    # Numbers first: in a narrow terminal it is the metric's name that may be cut.
    return f"{number(reason.observed)}, expected {expected} · {reason.metric}"


def _changes(before: PlanScore, after: PlanScore) -> list[str]:
    pairs = [
        ("unserved", float(before.unserved_devices), float(after.unserved_devices)),
        ("overload", before.overload, after.overload),
        ("late ms", before.latency_violation_ms, after.latency_violation_ms),
        ("cost/h", before.cost_per_hour, after.cost_per_hour),
    ]
    return [f"{name} {number(old)}→{number(new)}" for name, old, new in pairs if number(old) != number(new)]
