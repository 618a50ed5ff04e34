"""Re-run: devices with late readings go back to a checkpoint and step what came since once more, in the order of event time.

All such devices of a micro-batch go together, in rounds, by the same scoring, judging and learning as any reading. What was
told meanwhile is compared with what is found (`amendment`). Silence is a fact about arrival: it is repeated where it stood.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Anomaly, DeviceState
from tidegate.contracts.ids import AnomalyId
from tidegate.core.detection.amendment import amend, go_on
from tidegate.core.detection.anomalies import Anomalies, Told
from tidegate.core.detection.checkpoints import NEWER, OLDER
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.lateness import Job, Late, Lateness, Silenced
from tidegate.core.detection.results import Scores
from tidegate.core.detection.rounds import Intake, rounds
from tidegate.core.detection.silent import tell_silence
from tidegate.core.detection.state import NEVER

Int64 = NDArray[np.int64]

FOR_EVER: Final = -NEVER
"""An event time after all others."""

Step = Callable[[Intake, Anomalies], list[Scores]]
"""Steps one round of readings; the anomalies it raises go to those it is given."""


@dataclass(slots=True)
class Rerun:
    """Outcome: scores of this batch's readings alone, what to publish, what replaced which retracted anomaly, and how many
    earlier readings were stepped again."""

    scores: list[Scores] = field(default_factory=list)
    facts: list[Anomaly] = field(default_factory=list)
    replaced: dict[AnomalyId, AnomalyId | None] = field(default_factory=dict)
    again: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """The jobs of one re-run as columns: where each starts, and the times at which its checkpoints are to be taken."""

    slot: Int64
    past: Int64
    start: Int64
    start_ms: Int64
    older_ms: Int64
    newer_ms: Int64


def rerun(lateness: Lateness, anomalies: Anomalies, late: Late, step: Step) -> Rerun:
    """Step the jobs of `late` and settle what was told with what is found. Changes the state of their devices only."""
    devices = lateness.roster.devices
    outcome = Rerun()
    course = _course(lateness, late.jobs)
    newest_ms, spoke, code = (column[course.slot] for column in (devices.last_time_ms, devices.spoke, devices.code))
    intake = _readings(lateness, late, course)
    outcome.again = int((intake.index < 0).sum())
    rehearsal = _go_back(lateness, anomalies, course)
    waiting = _silences(lateness, course)
    for one in rounds(intake):
        _repeat_silences(lateness, rehearsal, waiting, one)
        outcome.scores += [_of_this_batch(scores) for scores in step(one, rehearsal)]
        _take_checkpoints(lateness, rehearsal, course, one)
    _repeat_silences(lateness, rehearsal, waiting, None)
    forward = devices.last_time_ms[course.slot] > newest_ms
    stale = (code == STATE_CODES.index(DeviceState.STALE)) & ~forward
    devices.spoke[course.slot] = spoke | forward
    devices.code[course.slot[stale]] = STATE_CODES.index(DeviceState.STALE)
    for job, start_ms in zip(late.jobs, course.start_ms.tolist(), strict=True):
        _settle(lateness, anomalies, rehearsal, job, start_ms, outcome)
    lateness.tidy_if_worth_it()
    return outcome


def _course(lateness: Lateness, jobs: list[Job]) -> Course:
    """Each device starts at its newest checkpoint before its oldest late reading."""
    past = np.array([job.past for job in jobs], dtype=np.int64)
    newer_ms = lateness.checkpoints.times_ms(past, NEWER)
    start = np.where(np.array([job.oldest_ms for job in jobs]) > newer_ms, NEWER, OLDER)
    return Course(
        slot=np.array([job.slot for job in jobs], dtype=np.int64),
        past=past,
        start=start,
        start_ms=np.where(start == NEWER, newer_ms, lateness.checkpoints.times_ms(past, OLDER)),
        older_ms=np.array([job.standing.older_ms for job in jobs], dtype=np.int64),
        newer_ms=np.array([job.standing.newer_ms for job in jobs], dtype=np.int64),
    )


def _readings(lateness: Lateness, late: Late, course: Course) -> Intake:
    """This batch's readings of the jobs and those kept since they start, by device and time; kept ones have index −1."""
    tail, pasts = lateness.tail, lateness.checkpoints.pasts
    owner, entry = tail.since(pasts.newest[course.past], lateness.checkpoints.times_ms(course.past, OLDER))
    new = late.intake.take(np.array([place for job in late.jobs for place in job.taken], dtype=np.int64))
    new_owner = np.repeat(np.arange(len(late.jobs)), [len(job.taken) for job in late.jobs])
    first = tail.append(course.past[new_owner], new, np.full(len(new), -1))
    owner, entry = np.concatenate([owner, new_owner]), np.concatenate([entry, first])
    index = np.concatenate([np.full(len(owner) - len(new), -1), new.index])
    order = np.lexsort((tail.entries.time_ms[entry], owner))
    owner, entry, index = owner[order], entry[order], index[order]
    pasts.newest[course.past] = tail.link(owner, entry)
    wanted = tail.entries.time_ms[entry] > course.start_ms[owner]
    owner, entry, index = owner[wanted], entry[wanted], index[wanted]
    return tail.intake(entry, course.slot[owner], pasts.width[course.past[owner]].astype(np.int64), index)


def _go_back(lateness: Lateness, anomalies: Anomalies, course: Course) -> Anomalies:
    """Restore the state; returns the anomalies as they stood there, in which to collect what is found."""
    checkpoints = lateness.checkpoints
    settled = course.older_ms == checkpoints.times_ms(course.past, NEWER)
    checkpoints.move_up(course.past[settled & (course.start == NEWER)])
    checkpoints.restore(course.past, course.start)
    rehearsal = Anomalies(anomalies.maintenance)
    for slot, start in zip(course.slot.tolist(), course.start.tolist(), strict=True):
        fact = checkpoints.open[start].get(slot)
        rehearsal.ledgers[slot] = {}
        if fact is not None:
            rehearsal.open[slot] = fact
            rehearsal.ledgers[slot][fact.id] = Told(fact, anomalies.ledgers[slot][fact.id].place_ms)
    return rehearsal


def _silences(lateness: Lateness, course: Course) -> dict[int, list[Silenced]]:
    """Silences told since the jobs start, by slot, the first ones first."""
    if not lateness.silences:
        return {}
    starts = zip(course.slot.tolist(), course.start_ms.tolist(), strict=True)
    return {
        slot: [each for each in lateness.silences[slot] if each.place_ms > start_ms]
        for slot, start_ms in starts
        if slot in lateness.silences
    }


def _repeat_silences(lateness: Lateness, rehearsal: Anomalies, waiting: dict[int, list[Silenced]], one: Intake | None) -> None:
    """Tell the silences that stand before the readings of `one` (null: all that are left) once more."""
    if not waiting:
        return
    until_ms = dict.fromkeys(waiting, FOR_EVER)
    if one is not None:
        until_ms = dict(zip(one.slot.tolist(), one.time_ms.tolist(), strict=True))
    for slot, silences in waiting.items():
        while silences and silences[0].place_ms <= until_ms.get(slot, NEVER):
            silence = silences.pop(0)
            tell_silence(lateness.roster, rehearsal, slot, silence.at_ms, silence.gap_ms)


def _take_checkpoints(lateness: Lateness, rehearsal: Anomalies, course: Course, one: Intake) -> None:
    """Take the checkpoints that fall on readings of this round."""
    owner = np.searchsorted(course.slot, one.slot)
    for which, times_ms in ((OLDER, course.older_ms), (NEWER, course.newer_ms)):
        here = one.time_ms == times_ms[owner]
        if here.any():
            lateness.checkpoints.take(course.past[owner[here]], which, rehearsal.open)


def _of_this_batch(scores: Scores) -> Scores:
    mine = scores.index >= 0
    return Scores(*(getattr(scores, name)[mine] for name in Scores.__slots__))


def _settle(lateness: Lateness, anomalies: Anomalies, rehearsal: Anomalies, job: Job, start_ms: int, outcome: Rerun) -> None:
    """Publish the difference for one device and let its checkpoints stand."""
    devices, pasts, slot = lateness.roster.devices, lateness.checkpoints.pasts, job.slot
    ledger, found = anomalies.ledgers.get(slot, {}), rehearsal.ledgers[slot]
    before = {name: told for name, told in ledger.items() if told.place_ms <= start_ms and name not in found}
    since = {name: told for name, told in ledger.items() if name not in before}
    amendment = amend(since, found, job.standing.newest_ms, keep_gateway=bool(devices.assigned[slot]))
    outcome.facts += amendment.facts
    outcome.replaced.update(amendment.replaced)
    anomalies.ledgers[slot] = {**before, **amendment.ledger}
    _open(anomalies, rehearsal, slot)
    pasts.since_older[job.past], pasts.since_newer[job.past] = job.standing.since_older, job.standing.since_newer
    lateness.settle(slot, anomalies)


def _open(anomalies: Anomalies, rehearsal: Anomalies, slot: int) -> None:
    """Let the anomaly that is open now go on from what was told of it."""
    fact: Anomaly | None = rehearsal.open.get(slot)
    if fact is None:
        anomalies.open.pop(slot, None)
    else:
        anomalies.open[slot] = go_on(fact, anomalies.ledgers[slot][fact.id].fact)
