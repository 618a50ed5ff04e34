"""Stretches of every day, in UTC: `02:00-05:00`, or over midnight `22:00-04:00`. The end does not belong to it."""

import re
from typing import Final

DAY_MINUTES: Final = 24 * 60

DAY_MS: Final = 86_400_000
"""Milliseconds of a day; days begin at midnight, UTC."""

_WINDOW: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


def minutes_of(window: str) -> tuple[int, int]:
    """Where `window` begins and ends, in minutes of the day; the end is the lower one where it lies beyond midnight.

    Raises:
        ValueError: it is not written as `HH:MM-HH:MM`, or ends when it begins.
    """
    found = _WINDOW.fullmatch(window)
    if found is None:
        raise ValueError(f"window {window!r} is not of the form HH:MM-HH:MM, as in 02:00-05:00")
    begins = int(found[1]) * 60 + int(found[2])
    ends = DAY_MINUTES if found[3] is None else int(found[3]) * 60 + int(found[4])
    if begins == ends:
        raise ValueError(f"window {window!r} ends when it begins; 00:00-24:00 is all day")
    return begins, ends


def covers(window: str, at_ms: int) -> bool:
    """Whether Unix time `at_ms` lies in `window`.

    >>> covers("22:00-04:00", 3 * 3_600_000)
    True
    """
    begins, ends = minutes_of(window)
    minute = at_ms // 60_000 % DAY_MINUTES
    return begins <= minute < ends if begins < ends else minute >= begins or minute < ends
