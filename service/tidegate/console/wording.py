"""Numbers, times and states as people read them. Text only; that it stays text is `markup`'s to see to."""

from datetime import UTC, datetime
from typing import Final

from tidegate.contracts.anomaly import DeviceState, Severity

NOTHING: Final = 1e-9
"""In any unit we show. A forecast around zero comes as 2e-31, which nobody can read as zero."""

STATE_MARKS: Final = {DeviceState.OK: "", DeviceState.WARMING: "…", DeviceState.PARTIAL: "◐", DeviceState.STALE: "?"}
SEVERITY_MARKS: Final = {Severity.LOW: "·", Severity.MEDIUM: "!", Severity.HIGH: "!!", Severity.CRITICAL: "✕"}
"""Beside the colour, for those who do not see it."""

STATE_WORDS: Final = {
    DeviceState.OK: "judged in full",
    DeviceState.WARMING: "too few readings to judge yet",
    DeviceState.PARTIAL: "judged by a part of its metrics",
    DeviceState.STALE: "silent for longer than it should be",
}


def number(value: float | None) -> str:
    """Four significant digits; `–` for none, and zero for what only rounding tells from it."""
    if value is None:
        return "–"
    if abs(value) < NOTHING:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(ratio: float) -> str:
    """A ratio in whole percent; one that is not quite nothing, or not quite all, does not say so."""
    whole = round(ratio * 100)
    if whole == 0 and ratio > NOTHING:
        return "<1 %"
    return f"{whole:,} %"


def counted(count: int, noun: str) -> str:
    """`1 move`, `12 moves`, `2 anomalies`."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("ly") else f"{noun}s"
    return f"{count:,} {noun}"


def rate(per_second: float | None) -> str:
    """A rate without more digits than it deserves."""
    return "…" if per_second is None else f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def moment(time_ms: int | None, now: datetime | None = None) -> str:
    """Time of day (UTC), with the date unless it is today's; a time no calendar has is shown as its number."""
    if time_ms is None:
        return "–"
    try:
        then = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return str(time_ms)
    today = (now or datetime.now(UTC)).date()
    return f"{then:%H:%M:%S}" if then.date() == today else f"{then:%Y-%m-%d %H:%M:%S}"


def as_of(time_ms: int | None) -> str:
    """How new the newest fact is that a list was made of."""
    return "no fact was read yet" if time_ms is None else f"newest fact read at {moment(time_ms)} UTC"


def duration(seconds: float) -> str:
    """Seconds in the two largest units they fill."""
    whole = max(round(seconds), 0)
    for unit, size, smaller, part in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
