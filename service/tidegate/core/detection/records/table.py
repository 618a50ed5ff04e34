"""The state of a classified device: one entry, whatever the number of columns. Bytes per device: `Table.bytes_per_row`."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.table import Column, Table

RECORD_STREAMS: Final = ("class", "unknown")
"""Evidence streams of a record, in the order of the columns of `Records`."""

CLASS: Final = RECORD_STREAMS.index("class")
UNKNOWN: Final = RECORD_STREAMS.index("unknown")

NOTHING: Final = -1
"""Of `label` before the first record, of `told` before the first alarm, of `peak` outside an episode."""


class Records(Table):
    """One entry per device of a lane of records. Classes are codes into the bundle's; the code after the last is "unknown"."""

    device: NDArray[np.int32]
    record: NDArray[np.float64]  # the last one, by the bundle's columns; NaN: missing
    label: NDArray[np.int16]  # its class
    probability: NDArray[np.float64]  # of that class, or of the likeliest where none fits
    log_odds: NDArray[np.float64]  # of attack
    energy: NDArray[np.float64]
    evidence: NDArray[np.float64]  # [stream] nats
    building: NDArray[np.int32]  # [stream] records since the evidence was last 0
    mass: NDArray[np.float64]  # [class] of the records since then, decaying as the evidence does
    told: NDArray[np.int16]  # class that the last alarming reading named
    rarity: NDArray[np.float64]  # [stream] −log10 p, of the last record
    peak: NDArray[np.int16]  # [stream] highest edge that the episode has counted
    survivors: NDArray[np.float32]  # [stream, edge]
    readings: NDArray[np.float64]  # counted by the tails

    def __init__(self, columns: int, classes: int, edges: int) -> None:
        streams = (len(RECORD_STREAMS),)
        layout = {"device": Column("i4"), "record": Column("f8", (columns,), np.nan)}
        layout |= {name: Column("i2", fill=NOTHING) for name in ("label", "told")}
        layout |= {name: Column("f8", fill=np.nan) for name in ("probability", "log_odds", "energy")}
        layout |= {name: Column("f8", streams) for name in ("evidence", "rarity")}
        layout |= {"building": Column("i4", streams), "mass": Column("f8", (classes,)), "peak": Column("i2", streams, NOTHING)}
        layout |= {"survivors": Column("f4", (*streams, edges)), "readings": Column("f8")}
        super().__init__(layout)
