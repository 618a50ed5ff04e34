"""The tail: the latest readings of devices whose order is not final yet, as columns, so that they can be stepped again.

One log for all devices; a device's readings hang together by event time, newest first. Does not know what a checkpoint is:
callers say from when on a reading is still needed, and which are not.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.rounds import Intake
from tidegate.core.detection.state import NEVER, NO_GATEWAY
from tidegate.core.detection.table import Column, Table
from tidegate.core.forecaster import Float64
from tidegate.core.ragged import ragged

Int64 = NDArray[np.int64]

NO_ENTRY: Final = -1
"""Link to no reading."""


class Entries(Table):
    """One entry per kept reading; `start` is where its values begin, `previous` the device's next older entry."""

    past: NDArray[np.int32]
    time_ms: Int64
    sequence: Int64
    gateway: NDArray[np.int32]
    start: Int64
    previous: Int64

    def __init__(self) -> None:
        layout = {"past": Column("i4"), "time_ms": Column("i8"), "sequence": Column("i8", fill=NEVER), "start": Column("i8")}
        layout |= {"gateway": Column("i4", fill=NO_GATEWAY), "previous": Column("i8", fill=NO_ENTRY)}
        super().__init__(layout, initial_rows=0)


class Values(Table):
    """Metrics of the kept readings one after the other; NaN: missing."""

    value: Float64

    def __init__(self) -> None:
        super().__init__({"value": Column("f8")}, initial_rows=0)


class Tail:
    """Kept readings of all devices that have a past."""

    def __init__(self) -> None:
        self.entries = Entries()
        self.values = Values()

    def append(self, past: Int64, intake: Intake, previous: Int64) -> Int64:
        """Keep the readings of `intake`, which belong to `past`; returns their entries."""
        entries, count = self.entries, len(intake)
        first = entries.append(count)
        _, flat = ragged(intake.start, intake.width)
        start = self.values.append(len(flat))
        self.values.value[start : start + len(flat)] = intake.values[flat]
        here = slice(first, first + count)
        entries.past[here], entries.previous[here] = past, previous
        entries.time_ms[here], entries.sequence[here] = intake.time_ms, intake.sequence
        entries.gateway[here] = intake.gateway
        entries.start[here] = start + np.cumsum(intake.width) - intake.width
        return np.arange(first, first + count)

    def since(self, newest: Int64, after_ms: Int64) -> tuple[Int64, Int64]:
        """Entries newer than `after_ms` of the devices whose newest entries are given: whose (an index), and the entry."""
        owner, entry = np.arange(len(newest)), newest
        owners, found = [owner[:0]], [entry[:0]]
        while len(entry):
            owner, entry = owner[entry != NO_ENTRY], entry[entry != NO_ENTRY]
            needed = self.entries.time_ms[entry] > after_ms[owner]
            owner, entry = owner[needed], entry[needed]
            owners.append(owner)
            found.append(entry)
            entry = self.entries.previous[entry]
        return np.concatenate(owners), np.concatenate(found)

    def link(self, owner: Int64, entry: Int64) -> Int64:
        """Chain `entry`, sorted by `owner` and time, anew; returns the newest entry of each owner."""
        is_first = np.concatenate([[True], owner[1:] != owner[:-1]])
        self.entries.previous[entry] = np.where(is_first, NO_ENTRY, np.roll(entry, 1))
        newest: Int64 = entry[np.roll(is_first, -1)]
        return newest

    def intake(self, entry: Int64, slot: Int64, width: Int64, index: Int64) -> Intake:
        """The readings `entry` as if they came in now, with the given columns."""
        of = self.entries
        gateway = of.gateway[entry].astype(np.int64)
        return Intake(index, slot, of.time_ms[entry], of.sequence[entry], gateway, self.values.value, of.start[entry], width)

    def keep(self, entry: Int64, width: Int64) -> None:
        """Keep only `entry` of these widths, sorted by device and time, and chain them anew; they are renumbered from 0."""
        _, flat = ragged(self.entries.start[entry], width)
        self.values.keep(flat)
        self.entries.keep(entry)
        self.entries.start[: len(entry)] = np.cumsum(width) - width
        if len(entry):
            self.link(self.entries.past[: len(entry)].astype(np.int64), np.arange(len(entry)))
