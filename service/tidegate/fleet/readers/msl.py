"""Telemetry of the Curiosity rover (MSL): npz with `train` and `test`, column 0 telemetry, the rest one-hot commands.

Only the telemetry becomes a metric: the commands are inputs somebody chose, and scoring them as sensors would raise alarms about
decisions. Labels are row ranges of the test part in `labeled_anomalies.csv` beside the file, both ends included. The files give
no times; rows start in 2020 at one a minute, a convention of ours. Source: Hundman et al., KDD 2018.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.readers import times
from tidegate.fleet.readers.npz import read_array
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.readers.tables import read_csv
from tidegate.fleet.series import Series

INTERVAL_SECONDS = 60.0
"""Seconds; assumed, the data set does not say."""

LABELS_FILE = "labeled_anomalies.csv"
"""Beside the channels: `chan_id` and `anomaly_sequences`, a list of [first, last] rows of the test part."""


def recognises(shape: Shape) -> bool:
    """True for an npz file with `train` and `test` and nothing else."""
    return shape.suffix == ".npz" and set(shape.columns) == {"train", "test"}


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `msl-<channel>`.

    Raises:
        InputError: arrays are absent or not numeric, or the labels do not fit them; names file and row.
    """
    train, test = read_array(path, "train", 2), read_array(path, "test", 2)
    telemetry = np.concatenate([train[:, :1], test[:, :1]])
    spans = _spans(path)
    yield Series(
        dataset="msl",
        device=DeviceId(f"msl-{path.stem}"),
        profile=ProfileName("msl-channel"),
        interval_seconds=INTERVAL_SECONDS,
        event_time_ms=times.evenly(len(telemetry), INTERVAL_SECONDS),
        metrics=(MetricName("telemetry"),),
        values=telemetry,
        labels=None if spans is None else _labels(spans, len(train), len(test), path),
        train_rows=len(train),
    )


def _spans(path: Path) -> list[tuple[int, int]] | None:
    source = path.with_name(LABELS_FILE)
    if not source.is_file():
        return None
    table = read_csv(source)
    for row, channel in enumerate(table.text("chan_id")):
        if channel == path.stem:
            text = table.text("anomaly_sequences")[row]
            try:
                return msgspec.json.decode(text, type=list[tuple[int, int]])
            except msgspec.DecodeError as error:
                raise InputError(
                    f"{source}: row {row + 2}: anomaly_sequences is {text[:80]!r}, expected [[first, last], …]"
                ) from error
    return None


def _labels(spans: list[tuple[int, int]], train_rows: int, test_rows: int, path: Path) -> NDArray[np.bool_]:
    labels = np.zeros(train_rows + test_rows, np.bool_)
    for first, last in spans:
        if not 0 <= first <= last <= test_rows:
            raise InputError(f"{path}: labelled rows {first} to {last}, expected them within {test_rows} test rows")
        labels[train_rows + first : train_rows + last + 1] = True
    return labels


READER = Reader("msl", recognises, read)
