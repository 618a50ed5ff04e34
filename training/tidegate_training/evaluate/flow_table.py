"""Flow records as a table to classify: features that may be used, classes, and apart from them the identifiers that leak.

Ports, addresses and times tell the attack's schedule, not its behaviour: they are kept only for the canary. Exact duplicates
go before any split, for a record on both sides of it is no test.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import InputError
from tidegate.fleet.readers import scan
from tidegate.fleet.readers.parquet import read_numbers
from tidegate.fleet.readers.rt_iot2022 import LEAKS

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FlowTable:
    """`features` float64 [N, F] named by `feature_names`, `classes` int64 [N] an index into `class_names`, and `identifiers`
    float64 [N, K] that no honest model may see. `duplicates` rows were left out."""

    features: Float64
    classes: Int64
    identifiers: Float64
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    duplicates: int = 0


def read_flows(folder: Path) -> FlowTable:
    """The RT-IoT2022 file at or below `folder`, without exact duplicates of features and class, in file order.

    Raises:
        InputError: as `read_every_flow`.
    """
    return deduplicated(read_every_flow(folder))


@lru_cache(maxsize=1)
def kept_flows(folder: Path) -> FlowTable:
    """As `read_flows`; the last folder's table is kept, for the next job of the same process."""
    return read_flows(folder)


def read_every_flow(folder: Path) -> FlowTable:
    """The RT-IoT2022 file at or below `folder`, each row of it, in file order.

    Raises:
        InputError: there is none, more than one, or it is malformed.
    """
    found = [(path, reader) for path, reader in scan(folder).known if reader.name == "rt-iot2022"]
    if len(found) != 1:
        raise InputError(f"{folder}: {len(found)} files of flow records, expected one of RT-IoT2022")
    path, reader = found[0]
    series = next(iter(reader.read(path)))
    assert series.classes is not None, "the format names every row's class"  # noqa: S101  # for the type checker
    identifiers = read_numbers(path, list(LEAKS))
    return FlowTable(
        series.values,
        series.classes.astype(np.int64),
        np.column_stack([identifiers[name] for name in LEAKS]),
        tuple(series.metrics),
        series.class_names,
    )


def deduplicated(table: FlowTable) -> FlowTable:
    """`table` with the first of each set of rows that agree in all features and class, in order; identifiers do not count."""
    rows = np.column_stack([table.features, table.classes])
    _, first = np.unique(rows, axis=0, return_index=True)
    kept = np.sort(first)
    return FlowTable(
        table.features[kept],
        table.classes[kept],
        table.identifiers[kept],
        table.feature_names,
        table.class_names,
        table.duplicates + len(rows) - len(kept),
    )
