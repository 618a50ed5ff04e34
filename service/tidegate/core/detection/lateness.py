"""Lateness: readings that come late and still count. Keeps what they need and sorts them out; `rerun` steps them.

A device of a profile with a lateness horizon has two checkpoints of its state, the tail of its readings since the older one,
and what was told since. Orderly readings are stepped as everywhere and only noted here. Without such a profile nothing is kept
and nothing is looked at.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.core.detection.anomalies import Anomalies, Told
from tidegate.core.detection.arrivals import Standing, Verdict, is_due
from tidegate.core.detection.checkpoints import NEWER, OLDER, Checkpoints
from tidegate.core.detection.results import DetectionResult, Rejection
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.rounds import Intake
from tidegate.core.detection.state import NEVER, NO_PAST
from tidegate.core.detection.tail import Tail

Int64 = NDArray[np.int64]

WORTH_TIDYING: Final = 4096
"""Entries of a tail that is worth tidying, which copies all of it, when half of them are settled."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence that was told: `place_ms` is where it belongs among the device's readings, before one of that very time."""

    place_ms: int
    at_ms: int
    gap_ms: float


@dataclass(frozen=True, slots=True)
class Job:
    """One device to step again: `taken` are its readings of this batch, in the order of arrival, as places in `Late.intake`."""

    slot: int
    past: int
    oldest_ms: int
    standing: Standing
    taken: list[int]


@dataclass(frozen=True, slots=True)
class Late:
    """What of a batch has to be stepped with what came before."""

    intake: Intake
    jobs: list[Job]


class Lateness:
    """The pasts of all devices whose order of readings is not final at once."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.checkpoints = Checkpoints(roster)
        self.tail = Tail()
        self.silences: dict[int, list[Silenced]] = {}

    def sort_out(self, intake: Intake, anomalies: Anomalies, result: DetectionResult) -> tuple[Intake, Late | None]:
        """Split a batch into readings that go forward in time and what has to be stepped again; repeats and what comes
        beyond its horizon are counted and rejected in `result`."""
        profiles, devices = self.roster.profiles, self.roster.devices
        if not profiles.takes_late:
            return intake, None
        watched = profiles.lateness_ms[devices.profile[intake.slot]] > 0
        self._begin(np.unique(intake.slot[watched]), anomalies)
        slots = np.unique(intake.slot[watched & _goes_back(intake, devices.last_time_ms)])
        if len(slots) == 0:
            return intake, None
        orderly, jobs = np.ones(len(intake), dtype=bool), []
        for slot in slots.tolist():
            places = np.flatnonzero(intake.slot == slot)
            job, refused = self._judge(slot, places, intake, result)
            orderly[places if job else refused] = False
            jobs += [job] if job else []
        return intake.take(orderly), Late(intake, jobs) if jobs else None

    def follow(self, intake: Intake, anomalies: Anomalies) -> None:
        """Note one round of readings that were stepped, and move checkpoints on where it is time."""
        if not self.roster.profiles.takes_late:
            return
        devices, pasts = self.roster.devices, self.checkpoints.pasts
        kept = intake.take(devices.past[intake.slot] != NO_PAST)
        past = devices.past[kept.slot].astype(np.int64)
        pasts.newest[past] = self.tail.append(past, kept, pasts.newest[past])
        pasts.since_older[past] += 1
        pasts.since_newer[past] += 1
        age_ms = kept.time_ms - self.checkpoints.times_ms(past, NEWER)
        horizon_ms = self.roster.profiles.lateness_ms[devices.profile[kept.slot]]
        due: NDArray[np.bool_] = is_due(age_ms, horizon_ms, pasts.since_older[past], pasts.since_newer[past])
        if due.any():
            self._move_on(past[due], anomalies)
        self.tidy_if_worth_it()

    def silenced(self, slot: int, at_ms: int, gap_ms: float) -> None:
        """Note that the silence of `slot` was told, so that stepping its readings again repeats it."""
        if self.roster.devices.past[slot] != NO_PAST:
            place_ms = int(self.roster.devices.last_time_ms[slot]) + 1
            self.silences.setdefault(slot, []).append(Silenced(place_ms, at_ms, gap_ms))

    def settle(self, slot: int, anomalies: Anomalies) -> None:
        """Forget what the older checkpoint of `slot` has made final."""
        past = int(self.roster.devices.past[slot])
        older_ms = int(self.checkpoints.times_ms(np.array([past]), OLDER)[0])
        kept = [each for each in self.silences.pop(slot, []) if each.place_ms > older_ms]
        if kept:
            self.silences[slot] = kept
        opened = self.checkpoints.open[OLDER].get(slot)
        ledger = anomalies.ledgers.pop(slot, {})
        still = {name: told for name, told in ledger.items() if told.place_ms > older_ms or (opened and name == opened.id)}
        if still:
            anomalies.ledgers[slot] = still

    def forget(self, slots: Int64, anomalies: Anomalies) -> None:
        """Give up the pasts of `slots`: their state will be another one, or their order final from now on."""
        if self.checkpoints.pasts.size == 0:
            return
        past = self.roster.devices.past[slots]
        for slot in slots.tolist():
            self.silences.pop(slot, None)
            anomalies.ledgers.pop(slot, None)
        kept = np.setdiff1d(np.arange(self.checkpoints.pasts.size), past[past != NO_PAST])
        if len(kept) < self.checkpoints.pasts.size:
            self.tidy(kept)
            self.checkpoints.keep(kept)

    def tidy(self, of: Int64 | None = None) -> None:
        """Drop settled readings from the tail and sort it by device and time; with `of`, keep and renumber those pasts only."""
        entries, pasts = self.tail.entries, self.checkpoints.pasts
        number = np.full(pasts.size + 1, NO_PAST)
        chosen = np.arange(pasts.size) if of is None else of
        number[chosen] = np.arange(len(chosen))
        past, time_ms = entries.past[: entries.size].astype(np.int64), entries.time_ms[: entries.size]
        alive = np.flatnonzero((time_ms > self.checkpoints.times_ms(past, OLDER)) & (number[past] != NO_PAST))
        alive = alive[np.lexsort((time_ms[alive], past[alive]))]
        owner = past[alive]
        self.tail.keep(alive, pasts.width[owner].astype(np.int64))
        pasts.newest[: pasts.size] = -1
        pasts.newest[owner] = np.arange(len(alive))
        entries.past[: len(alive)] = number[owner]

    def _begin(self, slots: Int64, anomalies: Anomalies) -> None:
        fresh = slots[self.roster.devices.past[slots] == NO_PAST]
        if len(fresh) == 0:
            return
        self.checkpoints.begin(fresh, anomalies.open)
        for slot in fresh.tolist():
            if slot in anomalies.open:
                fact = anomalies.open[slot]
                anomalies.ledgers[slot] = {fact.id: Told(fact, NEVER)}

    def _judge(self, slot: int, places: Int64, intake: Intake, result: DetectionResult) -> tuple[Job | None, Int64]:
        """Take one device's readings as they came. Without a late one there is no job, and only the refused are left out."""
        standing = self._standing(slot)
        verdicts = []
        for place in places.tolist():
            newest_ms = standing.newest_ms
            verdicts.append(standing.take(int(intake.time_ms[place]), int(intake.sequence[place])))
            if verdicts[-1] is Verdict.TOO_LATE:
                result.rejections.append(_too_late(int(intake.index[place]), int(intake.time_ms[place]), newest_ms, standing))
        result.duplicate += verdicts.count(Verdict.REPEAT)
        result.late += verdicts.count(Verdict.LATE)
        counts = np.array([verdict in (Verdict.NEWEST, Verdict.LATE) for verdict in verdicts], dtype=bool)
        late = [verdict is Verdict.LATE for verdict in verdicts]
        if not any(late):
            return None, places[~counts]
        oldest_ms = int(intake.time_ms[places[np.array(late)]].min())
        return Job(slot, int(self.roster.devices.past[slot]), oldest_ms, standing, places[counts].tolist()), places[~counts]

    def _standing(self, slot: int) -> Standing:
        devices, pasts = self.roster.devices, self.checkpoints.pasts
        past = devices.past[slot : slot + 1].astype(np.int64)
        older_ms = self.checkpoints.times_ms(past, OLDER)
        _, entry = self.tail.since(pasts.newest[past], older_ms)
        entry = entry[::-1]
        return Standing(
            horizon_ms=int(self.roster.profiles.lateness_ms[devices.profile[slot]]),
            older_ms=int(older_ms[0]),
            newer_ms=int(self.checkpoints.times_ms(past, NEWER)[0]),
            newest_ms=int(devices.last_time_ms[slot]),
            times=self.tail.entries.time_ms[entry].tolist(),
            sequences=self.tail.entries.sequence[entry].tolist(),
            recent=sorted(pasts.state("recent_ms")[past[0], OLDER].tolist()),
            last_sequence=int(pasts.state("last_sequence")[past[0], OLDER]),
            since_newer=int(pasts.since_newer[past[0]]),
        )

    def _move_on(self, past: Int64, anomalies: Anomalies) -> None:
        """The newer checkpoints become the older ones, the live state the newer ones."""
        pasts = self.checkpoints.pasts
        self.checkpoints.move_up(past)
        self.checkpoints.take(past, NEWER, anomalies.open)
        pasts.since_older[past] = pasts.since_newer[past]
        pasts.since_newer[past] = 0
        for slot in pasts.slot[past].tolist():
            if slot in anomalies.ledgers or slot in self.silences:
                self.settle(slot, anomalies)

    def tidy_if_worth_it(self) -> None:
        """Tidy when most of the tail is settled."""
        size = self.tail.entries.size
        if size > WORTH_TIDYING and size > 2 * self.tail_readings:
            self.tidy()

    @property
    def tail_readings(self) -> int:
        """Readings that may still be stepped again, of all devices."""
        return int(self.checkpoints.pasts.since_older[: self.checkpoints.pasts.size].sum())


def _goes_back(intake: Intake, last_time_ms: Int64) -> NDArray[np.bool_]:
    """Readings that are not newer than the one of their device before them."""
    order = np.argsort(intake.slot, kind="stable")
    slot, time_ms = intake.slot[order], intake.time_ms[order]
    before = last_time_ms[slot]
    again = np.flatnonzero(slot[1:] == slot[:-1]) + 1
    before[again] = time_ms[again - 1]
    back = np.empty(len(intake), dtype=bool)
    back[order] = time_ms <= before
    return back


def _too_late(index: int, time_ms: int, newest_ms: int, standing: Standing) -> Rejection:
    earliest_ms = max(newest_ms - standing.horizon_ms, standing.older_ms + 1)
    text = (
        f"event time {time_ms} is before {earliest_ms}, the earliest that still counts: "
        f"the device's newest is {newest_ms} and its profile's lateness_seconds is {standing.horizon_ms / 1000:g}"
    )
    return Rejection(index, DeadLetterReason.TOO_LATE, text)
