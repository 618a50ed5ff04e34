"""Skoltech Anomaly Benchmark: `;`-separated CSV of eight sensors of a water-circulation testbed, one row a second.

Each file is one run of the testbed and becomes one device. Its notebooks train on the first 400 rows of a labelled run and on
the whole of the anomaly-free one; that is `train_rows`. `changepoint` marks where labels change and is left out.
Source: https://github.com/waico/SKAB.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.fleet.readers import times
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.readers.tables import read_csv
from tidegate.fleet.series import Series

METRICS = {
    "Accelerometer1RMS": "accelerometer_1_rms",
    "Accelerometer2RMS": "accelerometer_2_rms",
    "Current": "current",
    "Pressure": "pressure",
    "Temperature": "temperature",
    "Thermocouple": "thermocouple",
    "Voltage": "voltage",
    "Volume Flow RateRMS": "volume_flow_rate_rms",
}
"""Metric name by column."""

TRAIN_ROWS = 400
"""Rows; the leading part of a labelled run that SKAB's own notebooks train on."""


def recognises(shape: Shape) -> bool:
    """True for a `;`-separated CSV file with a time and the eight sensors."""
    return shape.suffix == ".csv" and shape.delimiter == ";" and {"datetime", *METRICS} <= set(shape.columns)


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `skab-<folder>-<file name>`.

    Raises:
        InputError: malformed; names file and row.
    """
    table = read_csv(path, delimiter=";")
    rows, event_time_ms = times.order(times.from_text(table.text("datetime"), None, path))
    labels = table.numbers("anomaly")[rows] > 0 if "anomaly" in table.columns else np.zeros(table.rows, np.bool_)
    yield Series(
        dataset="skab",
        device=DeviceId(f"skab-{path.parent.name}-{path.stem}"),
        profile=ProfileName("skab-testbed"),
        interval_seconds=1.0,
        event_time_ms=event_time_ms,
        metrics=tuple(MetricName(name) for name in METRICS.values()),
        values=np.column_stack([table.numbers(column) for column in METRICS])[rows],
        labels=labels,
        train_rows=min(TRAIN_ROWS, table.rows) if "anomaly" in table.columns else table.rows,
    )


READER = Reader("skab", recognises, read)
