"""Numenta Anomaly Benchmark: `timestamp,value` CSV files, one device each; windows in `labels/combined_windows.json`.

The scorer of NAB ignores the first min(15 % of rows, 750) of a file; those are `train_rows` here. Labels are looked for in the
folders above the file; without them the series has none. Source: https://github.com/numenta/NAB.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.readers import times
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.readers.tables import read_csv
from tidegate.fleet.series import Series

PROFILES = {300.0: "nab-5min", 600.0: "nab-10min", 1800.0: "nab-30min", 3600.0: "nab-1h"}
"""Profile by interval in seconds; a file takes the nearest by ratio."""

PROBATION_RATIO, PROBATION_ROWS = 0.15, 750
"""Share and greatest number of leading rows that NAB's scorer ignores."""


def recognises(shape: Shape) -> bool:
    """True for a CSV file with exactly the columns `timestamp,value`."""
    return shape.suffix == ".csv" and shape.columns == ("timestamp", "value")


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `nab-<file name>`.

    Raises:
        InputError: malformed file or labels; names file and row.
    """
    table = read_csv(path)
    raw_times = times.from_text(table.text("timestamp"), None, path)
    rows, event_time_ms = times.order(raw_times)
    interval = times.median_interval_seconds(raw_times[rows], 300.0)
    windows = _windows(path, raw_times[rows])
    yield Series(
        dataset="nab",
        device=DeviceId(f"nab-{path.stem}"),
        profile=_profile(interval),
        interval_seconds=interval,
        event_time_ms=event_time_ms,
        metrics=(MetricName("value"),),
        values=table.numbers("value")[rows, None],
        labels=None if windows is None else _labels(windows, table.rows),
        label_windows=windows or (),
        train_rows=min(int(PROBATION_RATIO * table.rows), PROBATION_ROWS),
    )


def _profile(interval_seconds: float) -> ProfileName:
    nearest = min(PROFILES, key=lambda known: abs(math.log(known / max(interval_seconds, 0.001))))
    return ProfileName(PROFILES[nearest])


def _windows(path: Path, sorted_ms: NDArray[np.int64]) -> tuple[tuple[int, int], ...] | None:
    """Half-open row ranges of the file's windows (both ends belong to a window in NAB), or None where nobody labelled it."""
    for folder in path.parents[:4]:
        source = folder / "labels" / "combined_windows.json"
        if source.is_file():
            spans = _spans(source, f"{path.parent.name}/{path.name}")
            return None if spans is None else tuple(_rows(span, sorted_ms, source) for span in spans)
    return None


def _spans(source: Path, key: str) -> list[list[str]] | None:
    try:
        found: Any = msgspec.json.decode(source.read_bytes(), type=dict[str, list[list[str]]])
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{source}: not a table of windows by file: {error}") from error
    spans: list[list[str]] | None = found.get(key)
    return spans


def _rows(span: list[str], sorted_ms: NDArray[np.int64], source: Path) -> tuple[int, int]:
    if len(span) != 2:
        raise InputError(f"{source}: a window has {len(span)} ends, expected 2")
    first, last = times.from_text(span, None, source, first_row=1)
    return int(np.searchsorted(sorted_ms, first, "left")), int(np.searchsorted(sorted_ms, last, "right"))


def _labels(windows: tuple[tuple[int, int], ...], rows: int) -> NDArray[np.bool_]:
    labels = np.zeros(rows, np.bool_)
    for first, last in windows:
        labels[first:last] = True
    return labels


READER = Reader("nab", recognises, read)
