"""AIOps KPI: parquet of one service indicator each, `timestamp` in seconds, `value`, and where known `label` and `part`.

Gaps were interpolated by whoever prepared the files; they stay. Source: AIOps challenge 2018, https://github.com/NetManAIOps/KPI-Anomaly-Detection.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.fleet.readers import times
from tidegate.fleet.readers.parquet import column_names, read_numbers, read_text
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.series import Series

FIVE_MINUTE_BOUND_SECONDS = 130.0
"""Seconds; files come at 60 s or 300 s, and this is their geometric middle."""


def recognises(shape: Shape) -> bool:
    """True for a parquet file with `timestamp` and `value`."""
    return shape.suffix == ".parquet" and {"timestamp", "value"} <= set(shape.columns)


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `kpi-<file name>`. The train part must come before the test part in time.

    Raises:
        InputError: malformed; names file and row.
        DependencyError: the parquet extra is not installed.
    """
    present = column_names(path)
    columns = read_numbers(path, [name for name in ("timestamp", "value", "label") if name in present])
    rows, event_time_ms = times.order(times.from_seconds(columns["timestamp"], path, first_row=1))
    interval = times.median_interval_seconds(event_time_ms, 60.0)
    yield Series(
        dataset="kpi",
        device=DeviceId(f"kpi-{path.stem}"),
        profile=ProfileName("kpi-1min" if interval < FIVE_MINUTE_BOUND_SECONDS else "kpi-5min"),
        interval_seconds=interval,
        event_time_ms=event_time_ms,
        metrics=(MetricName("value"),),
        values=columns["value"][rows, None],
        labels=columns["label"][rows] > 0 if "label" in columns else None,
        train_rows=int(np.count_nonzero(read_text(path, "part") == "train")) if "part" in present else 0,
    )


READER = Reader("kpi", recognises, read)
