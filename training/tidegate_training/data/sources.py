"""The development series as training sees them: NAB, KPI and SMD (train parts) and Bitbrains, one grid per device and metric."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.errors import InputError
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.series import Series as Recording
from tidegate_training.data.series import Series, on_grid

DATASETS: Final = ("nab", "aiops_kpi", "smd", "bitbrains")
"""Folders below the data folder, as `data/README.md` names them (issue: the universal bundle's development series)."""

TRAIN_PART_ONLY: Final = ("aiops_kpi", "smd")
"""Data sets that come with a part of their own for training; the other part is for evaluation and never read here."""


def read_all(folder: Path) -> list[Series]:
    """Return every series of `DATASETS` below `folder`, in a fixed order.

    Raises:
        InputError: a data set's folder is missing, or a file is malformed.
        DependencyError: parquet files are there and the parquet extra is not installed.
    """
    return [one for dataset in DATASETS for recording in recordings(folder, dataset) for one in metrics_of(dataset, recording)]


def recordings(folder: Path, dataset: str) -> list[Recording]:
    """Return the devices of one data set below `folder`, cut to what training may see; raises as `read_all`."""
    if not (folder / dataset).is_dir():
        raise InputError(f"{folder} has no folder {dataset!r}", advice="give the folder that holds " + ", ".join(DATASETS))
    whole = iter_dataset(folder / dataset)
    return [one.part("train") if dataset in TRAIN_PART_ONLY else one for one in whole]


def metrics_of(dataset: str, recording: Recording) -> Iterator[Series]:
    """Yield a series per metric of `recording`, each on a grid of its own."""
    seconds = recording.event_time_ms / 1000.0
    for column, metric in enumerate(recording.metrics):
        values, interval, start = on_grid(seconds, np.ascontiguousarray(recording.values[:, column]))
        yield Series(dataset, recording.device, metric, values, interval, start)
