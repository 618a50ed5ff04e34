"""Event times of recorded data: text to Unix milliseconds, and the one rule about repeats and disorder.

The rule: rows are put in the order of their times (rows of one time keep the file's order), and a row that would share the
time of the one before it comes one millisecond later. No row is lost, labels stay with their rows, and the service does not
take the second of two real readings for a repeat of the first. Of the shared sets it touches TON_IoT (several rows a second,
blocks out of order) and NAB (an hour recorded twice when clocks went back).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import InputError

LATEST_SECOND = 253_402_300_799
"""Seconds; the last one of the year 9999. A time beyond it is a number in another unit, not a date."""

FIRST_ROW_MS = 1_577_836_800_000
"""Milliseconds; 2020-01-01 00:00 UTC, where data sets without times are made to begin."""


def order(event_time_ms: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the row order by time (stable) and the strictly rising times in that order; see the module's rule."""
    rows = np.argsort(event_time_ms, kind="stable")
    steps = np.arange(len(rows), dtype=np.int64)
    return rows, np.maximum.accumulate(event_time_ms[rows] - steps) + steps


def evenly(rows: int, interval_seconds: float, first_ms: int = FIRST_ROW_MS) -> NDArray[np.int64]:
    """Times int64 [rows] at a fixed interval, for data sets that give only the order of their rows."""
    return first_ms + np.round(np.arange(rows) * (interval_seconds * 1000)).astype(np.int64)


def median_interval_seconds(event_time_ms: NDArray[np.int64], default: float) -> float:
    """The usual distance of rows in seconds, or `default` for fewer than two rows."""
    return float(np.median(np.diff(event_time_ms))) / 1000 if len(event_time_ms) > 1 else default


def from_text(texts: Sequence[str], pattern: str | None, path: Path, first_row: int = 2) -> NDArray[np.int64]:
    """Times of `texts`, taken as UTC, in milliseconds. `pattern` is strptime's; None means ISO 8601.

    Raises:
        InputError: a text is no such time; names file and row.
    """
    times = np.empty(len(texts), np.int64)
    for index, text in enumerate(texts):
        try:
            moment = datetime.fromisoformat(text) if pattern is None else datetime.strptime(text, pattern)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            times[index] = round(zoned.timestamp() * 1000)
        except (ValueError, OverflowError) as error:
            expected = pattern or "an ISO 8601 time"
            raise InputError(f"{path}: row {first_row + index}: time is {text[:80]!r}, expected {expected}") from error
    return times


def from_seconds(seconds: NDArray[np.float64], path: Path, first_row: int = 2) -> NDArray[np.int64]:
    """Unix seconds as milliseconds.

    Raises:
        InputError: a time is missing, negative or too far; names file and row.
    """
    wrong = np.flatnonzero(~((seconds >= 0) & (seconds <= LATEST_SECOND)))
    if wrong.size:
        row = int(wrong[0])
        raise InputError(f"{path}: row {first_row + row}: time is {seconds[row]}, expected seconds from 0 to {LATEST_SECOND}")
    return np.round(seconds * 1000).astype(np.int64)
