"""Server Machine Dataset (38 metrics, 1 min) and Application Server Dataset (19 metrics, 5 min): npz with train and test parts.

Train and test follow each other without a gap, `train_rows` long the first; the files give no times, so rows start in 2020 at
the data set's interval. Values come min-max scaled; metrics are `m01` and so on in the files' order.
Sources: Su et al., KDD 2019 (OmniAnomaly); Li et al., KDD 2021 (InterFusion: 45 days of 5-minute rows, 30 of them for training).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.readers import times
from tidegate.fleet.readers.npz import read_array
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.series import Series

DATASETS = {38: ("smd", "smd-server", 60.0), 19: ("asd", "asd-server", 300.0)}
"""Data set, profile and interval in seconds, by the number of metrics."""


def recognises(shape: Shape) -> bool:
    """True for an npz file with `train`, `test` and `test_label`."""
    return shape.suffix == ".npz" and {"train", "test", "test_label"} <= set(shape.columns)


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `<data set>-<file name>`. Training rows are labelled normal, as the data sets say.

    Raises:
        InputError: arrays are absent, not numeric, or do not fit each other.
    """
    train, test = read_array(path, "train", 2), read_array(path, "test", 2)
    labels = read_array(path, "test_label", 1)
    metrics = test.shape[1]
    if metrics not in DATASETS or train.shape[1] != metrics:
        raise InputError(
            f"{path}: {train.shape[1]} and {metrics} metrics in train and test, expected 38 (SMD) or 19 (ASD) in both"
        )
    if len(labels) != len(test):
        raise InputError(f"{path}: {len(labels)} labels for {len(test)} test rows, expected as many")
    dataset, profile, interval = DATASETS[metrics]
    yield Series(
        dataset=dataset,
        device=DeviceId(f"{dataset}-{path.stem}"),
        profile=ProfileName(profile),
        interval_seconds=interval,
        event_time_ms=times.evenly(len(train) + len(test), interval),
        metrics=tuple(MetricName(f"m{index + 1:02d}") for index in range(metrics)),
        values=np.concatenate([train, test]),
        labels=np.concatenate([np.zeros(len(train), np.bool_), labels > 0]),
        train_rows=len(train),
    )


READER = Reader("machines", recognises, read)
