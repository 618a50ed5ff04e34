"""Rarity, times and numbers in words, for reasons that people read. Pure text; no state."""

from typing import Final

_UNITS: Final = (("year", 365.25 * 86_400.0), ("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))

_LONGEST_YEARS: Final = 1000.0


def how_often(neg_log10_p: float, interval_ms: float) -> str:
    """How often a stretch at least this unusual begins, at one reading per interval.

    >>> how_often(4.0, 300_000.0)
    'about once in 35 days'
    """
    seconds = 10.0 ** min(neg_log10_p, 30.0) * interval_ms / 1000.0
    if seconds > _LONGEST_YEARS * _UNITS[0][1]:
        return "less than once in 1000 years"
    return f"about once in {duration(seconds)}"


def how_often_known(neg_log10_p: float, interval_ms: float, seen: float) -> str:
    """The same of a device with `seen` readings behind it: what is rarer than one of them is extrapolated, and says so.

    >>> how_often_known(4.0, 300_000.0, 2_000.0)
    'about once in 35 days, by extrapolation from 6.9 days'
    """
    text = how_often(neg_log10_p, interval_ms)
    if 10.0 ** min(neg_log10_p, 30.0) <= seen:
        return text
    return f"{text}, by extrapolation from {duration(max(seen, 1.0) * interval_ms / 1000.0)}"


def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit, two digits at most below ten.

    >>> duration(90.0)
    '1.5 minutes'
    """
    for unit, length in _UNITS:
        if seconds >= length or unit == "second":
            amount = seconds / length
            text = f"{amount:.1f}".removesuffix(".0") if amount < 9.95 else f"{amount:.0f}"
            return f"{text} {unit}" if text == "1" else f"{text} {unit}s"
    raise AssertionError("seconds fit every length")


def number(value: float, unit: str = "") -> str:
    """A value with four significant digits and its unit."""
    return f"{value:.4g} {unit}".strip()
