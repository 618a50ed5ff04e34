"""Checkpoints: two earlier states of every device whose order of readings is not final, an older and a newer one.

The older one is at or before the horizon: nothing that still counts can fall before it. When the newer one has passed the
horizon it takes the older one's place and the live state becomes the newer one, so that on an orderly stream a state is
copied once per horizon and no reading is stepped twice. Knows nothing of readings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.ids import AnomalyId
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.state import NO_ANOMALY, NO_PAST, Devices
from tidegate.core.detection.table import Column, Table
from tidegate.core.detection.tail import NO_ENTRY
from tidegate.core.ragged import ragged

Int64 = NDArray[np.int64]

OLDER: Final = 0
NEWER: Final = 1
"""The two checkpoints."""

LIVE: Final = frozenset(
    {"site", "profile", "lane", "first_row", "assigned", "past"}
    | {"spoke", "vouches", "heard_ms", "silent", "told", "incident", "refused"}
    | {"word", "word_ms"}
)
"""Columns of a device that no reading's place in time decides: where its state lies, who serves it, what ticks and people say
of it."""


class Pasts(Table):
    """One entry per device with a past. `state/…` columns hold both checkpoints of the device's own columns."""

    slot: NDArray[np.int32]
    lane: NDArray[np.int32]
    width: NDArray[np.int32]  # values of a reading
    first_row: Int64  # in the lane's table of checkpoints
    newest: Int64  # entry in the tail
    since_older: NDArray[np.int32]  # readings after the older checkpoint
    since_newer: NDArray[np.int32]

    def __init__(self, devices: Devices) -> None:
        layout = {name: Column("i4") for name in ("slot", "lane", "width", "since_older", "since_newer")}
        layout |= {"first_row": Column("i8"), "newest": Column("i8", fill=NO_ENTRY)}
        self.kept = [name for name in devices.layout if name not in LIVE]
        states = {f"state/{name}": _twice(devices.layout[name]) for name in self.kept}
        super().__init__(layout | states, initial_rows=0)

    def state(self, name: str) -> NDArray[np.generic]:
        """Both checkpoints of one column, [past, checkpoint]."""
        return self.arrays[f"state/{name}"]


class PastRows(Table):
    """Both checkpoints of the rows of one lane."""

    def __init__(self, rows: Table) -> None:
        self.kept = [name for name in rows.layout if name not in ("device", "metric")]
        super().__init__({name: _twice(rows.layout[name]) for name in self.kept}, initial_rows=0)


def _twice(column: Column) -> Column:
    return Column(column.dtype, (2, *column.shape), column.fill)


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of some pasts in one lane: `owner` indexes the pasts asked for, `kept` and `live` are the rows there and here."""

    table: PastRows
    rows: Table
    owner: Int64
    kept: Int64
    live: Int64


class Checkpoints:
    """Checkpoints by past, in the roster's shape, with the anomaly that was open at each, by slot."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.pasts = Pasts(roster.devices)
        self.rows: dict[int, PastRows] = {}
        self.open: tuple[dict[int, Anomaly], dict[int, Anomaly]] = ({}, {})

    def begin(self, slots: Int64, opened: dict[int, Anomaly]) -> None:
        """Give `slots` a past that begins now."""
        pasts, devices = self.pasts, self.roster.devices
        first = pasts.append(len(slots))
        past = np.arange(first, pasts.size)
        devices.past[slots] = past
        pasts.slot[past], pasts.lane[past] = slots, devices.lane[slots]
        pasts.width[past] = [len(self.roster.profiles.metrics[code]) for code in devices.profile[slots]]
        for lane in np.unique(pasts.lane[past]).tolist():
            mine = past[pasts.lane[past] == lane]
            width = self._entries(lane, mine)
            pasts.first_row[mine] = self.table(lane).append(int(width.sum())) + np.cumsum(width) - width
        for which in (OLDER, NEWER):
            self.take(past, which, opened)

    def take(self, past: Int64, which: int, opened: dict[int, Anomaly]) -> None:
        """Make the live state of `past` its checkpoint `which`."""
        slot = self.pasts.slot[past]
        for name in self.pasts.kept:
            self.pasts.state(name)[past, which] = self.roster.devices.arrays[name][slot]
        for place in self._places(past):
            for name in place.table.kept:
                place.table.arrays[name][place.kept, which] = place.rows.arrays[name][place.live]
        for each in slot.tolist():
            _put(self.open[which], each, opened.get(each))

    def move_up(self, past: Int64) -> None:
        """Make the newer checkpoint of `past` the older one too."""
        for name in self.pasts.kept:
            state = self.pasts.state(name)
            state[past, OLDER] = state[past, NEWER]
        for place in self._places(past):
            for name in place.table.kept:
                state = place.table.arrays[name]
                state[place.kept, OLDER] = state[place.kept, NEWER]
        for slot in self.pasts.slot[past].tolist():
            _put(self.open[OLDER], slot, self.open[NEWER].get(slot))

    def restore(self, past: Int64, which: Int64) -> None:
        """Make the checkpoint `which` (by past) live. Whom allocation assigned the device to stays."""
        devices, slot = self.roster.devices, self.pasts.slot[past]
        gateway = devices.gateway[slot]
        for name in self.pasts.kept:
            devices.arrays[name][slot] = self.pasts.state(name)[past, which]
        devices.gateway[slot] = np.where(devices.assigned[slot], gateway, devices.gateway[slot])
        for place in self._places(past):
            for name in place.table.kept:
                place.rows.arrays[name][place.live] = place.table.arrays[name][place.kept, which[place.owner]]

    def retract(self, slot: int, name: AnomalyId) -> None:
        """Let the anomaly `name` of `slot` be open at neither checkpoint."""
        for which, opened in enumerate(self.open):
            if slot in opened and opened[slot].id == name:
                del opened[slot]
                self.pasts.state("severity")[self.roster.devices.past[slot], which] = NO_ANOMALY

    def times_ms(self, past: Int64, which: int) -> Int64:
        """Event time of the last reading in a checkpoint."""
        times: Int64 = self.pasts.state("last_time_ms")[past, which]
        return times

    def keep(self, past: Int64) -> None:
        """Keep only `past`; they are renumbered from 0 in that order, and the others' devices have none any more."""
        gone = np.setdiff1d(np.arange(self.pasts.size), past)
        slots = self.pasts.slot[gone]
        self.roster.devices.past[slots] = NO_PAST
        for slot in slots.tolist():
            self.open[OLDER].pop(slot, None)
            self.open[NEWER].pop(slot, None)
        self.pasts.keep(past)
        self.roster.devices.past[self.pasts.slot[: len(past)]] = np.arange(len(past))
        for lane, table in self.rows.items():
            mine = np.flatnonzero(self.pasts.lane[: len(past)] == lane)
            width = self._entries(lane, mine)
            table.keep(ragged(self.pasts.first_row[mine], width)[1])
            self.pasts.first_row[mine] = np.cumsum(width) - width

    def table(self, lane: int) -> PastRows:
        """Checkpoints of the rows of `lane`."""
        if lane not in self.rows:
            self.rows[lane] = PastRows(self.roster.lanes[lane].rows)
        return self.rows[lane]

    def _entries(self, lane: int, past: Int64) -> Int64:
        """How many rows of `lane` belong to each of `past`."""
        return self.roster.lanes[lane].entries(self.pasts.width[past].astype(np.int64))

    def _places(self, past: Int64) -> Iterator[Place]:
        pasts, devices = self.pasts, self.roster.devices
        for lane in np.unique(pasts.lane[past]).tolist():
            index = np.flatnonzero(pasts.lane[past] == lane)
            mine = past[index]
            width = self._entries(lane, mine)
            owner, kept = ragged(pasts.first_row[mine], width)
            _, live = ragged(devices.first_row[pasts.slot[mine]], width)
            yield Place(self.table(lane), self.roster.lanes[lane].rows, index[owner], kept, live)


def _put(opened: dict[int, Anomaly], slot: int, anomaly: Anomaly | None) -> None:
    if anomaly is None:
        opened.pop(slot, None)
    else:
        opened[slot] = anomaly
