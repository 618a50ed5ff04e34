"""The same run again, without interruption, from the journal of the run that was interrupted; and what the two differ in.

State is a function of the log (design: guarantee 2). The live service was stopped once and killed once, and restored itself
from snapshot and journal each time; here one process steps through every journaled batch from the first on and uses no
snapshot. If recovery lost, doubled or changed anything, the digests or the ids of the facts differ. The rerun also yields
every reading's surprise, which the service publishes nowhere.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.codec import decode
from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import DeviceId, PlanId
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.plan import Decision
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.classifier import Model
from tidegate.core.partition import Batch, Facts, Partition
from tidegate.errors import InputError
from tidegate.pipeline.portion import Portion, decode_portion, journaled_ranges
from tidegate.pipeline.replay import Restorer
from tidegate.ports import Log, Record
from tidegate_training.evaluate.plan_checks import out_of_reach, over_capacity

PARTITION: Final = 0
"""The acceptance run's log has one; elsewhere it is said which."""

_PAGE_RECORDS: Final = 64
_PAGE_BYTES: Final = 64 * 1024 * 1024

Identity = tuple[str, int]
"""A fact's id and version."""


@dataclass(slots=True)
class Rerun:
    """What the uninterrupted run came to. `surprise` is by device and event time, of `watched` devices only.

    `digests` are by the number of batches after which they were asked for.
    """

    digest: str = ""
    digests: dict[int, str] = field(default_factory=dict)
    batches: int = 0
    anomalies: Counter[Identity] = field(default_factory=Counter)
    decisions: Counter[Identity] = field(default_factory=Counter)
    surprise: dict[DeviceId, dict[int, float]] = field(default_factory=dict)
    plans: int = 0
    over_capacity: int = 0
    out_of_reach: int = 0
    requests: dict[PlanId, PlanRequest] = field(default_factory=dict)


async def rerun(
    log: Log,
    forecasters: Mapping[str, Model],
    watched: frozenset[DeviceId],
    progress: Callable[[int, int], None] = lambda *_: None,
    *,
    partition_index: int = PARTITION,
    digests_after: Collection[int] = (),
) -> Rerun:
    """Step through the whole journal of one partition of `log` in one go. `progress` gets the batches done and in all.

    Notes the state's digest at the end and after so many batches as `digests_after` names.

    Raises:
        InputError: the log does not reach back to the first batch.
    """
    made = Rerun(surprise={device: {} for device in watched})
    partition: Partition | None = None
    batches = await log.end_offset(topics.JOURNAL, partition_index)
    async for raw in records(log, topics.JOURNAL, partition=partition_index):
        entry = decode(raw.value or b"", JournalRecord)
        if entry.configuration is not None:
            partition = partition or Partition(entry.configuration, forecasters)
            partition.configure(entry.configuration)
        if partition is None or entry.sequence != made.batches:
            raise InputError(f"the journal starts or skips at batch {entry.sequence}, expected {made.batches}")
        batch = decode_portion(await portion_of(log, entry), log.partitions).batch(entry.tick_ms)
        _gather(made, batch, partition.step(batch))
        made.batches += 1
        if made.batches in digests_after:
            made.digests[made.batches] = partition.digest()
        progress(made.batches, batches)
    made.digest = "" if partition is None else partition.digest()
    return made


async def digest_after_recovery(
    log: Log, forecasters: Mapping[str, Model], configuration: CoreConfiguration, *, partition_index: int = PARTITION
) -> str:
    """Digest of the state that the interrupted run left: restored as a start of the service restores it."""
    restored = await Restorer(log, partition_index, forecasters, configuration).restore()
    return restored.partition.digest()


async def published(log: Log, *, partition_index: int = PARTITION) -> tuple[Counter[Identity], Counter[Identity]]:
    """How often each version of each anomaly and each fact of each plan is on its topic; once, if nothing was doubled."""
    anomalies: Counter[Identity] = Counter()
    decisions: Counter[Identity] = Counter()
    async for record in records(log, topics.ANOMALIES, partition=partition_index):
        anomaly = decode(record.value or b"", Anomaly)
        anomalies[anomaly.id, anomaly.version] += 1
    async for record in records(log, topics.DECISIONS, partition=partition_index):
        decision = decode(record.value or b"", Decision)
        decisions[decision.plan_id, decision.version] += 1
    return anomalies, decisions


async def commit_latencies_ms(log: Log, from_offset: int) -> list[float]:
    """For each telemetry record from `from_offset` on: milliseconds from its being durable to its scores being durable.

    Both times are the log's own stamps: of the record when the door appended it, which is just before its POST is answered,
    and of the journal record of the batch that scored it.
    """
    appended = {record.offset: record.timestamp_ms async for record in records(log, topics.TELEMETRY, from_offset)}
    latencies = []
    async for raw in records(log, topics.JOURNAL):
        for span in decode(raw.value or b"", JournalRecord).inputs:
            if span.topic == topics.TELEMETRY:
                covered = range(max(span.start, from_offset), span.end)
                latencies += [float(raw.timestamp_ms - appended[offset]) for offset in covered]
    return latencies


async def records(
    log: Log, topic: str, start: int = 0, stop: int | None = None, *, partition: int = PARTITION
) -> AsyncIterator[Record]:
    """The records of `topic` from `start` to `stop` (exclusive; its end by default), page by page."""
    end = await log.end_offset(topic, partition) if stop is None else stop
    offset = start
    while offset < end:
        page = await log.read(topic, partition, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES)
        if not page:
            return
        for record in page:
            if record.offset >= end:
                return
            yield record
        offset = page[-1].offset + 1


async def portion_of(log: Log, entry: JournalRecord) -> Portion:
    """What the batch of `entry` took, read from `log` again."""
    inputs = {
        span.topic: [each async for each in records(log, span.topic, span.start, span.end, partition=entry.partition)]
        for span in journaled_ranges(entry)
    }
    return Portion(inputs, entry.part, tuple(entry.excluded))


def _gather(made: Rerun, batch: Batch, facts: Facts) -> None:
    made.anomalies.update((anomaly.id, anomaly.version) for anomaly in facts.anomalies)
    made.decisions.update((decision.plan_id, decision.version) for decision in facts.decisions)
    scores = facts.detection.scores
    for index, surprise in zip(scores.index.tolist(), scores.surprise.tolist(), strict=True):
        reading = batch.readings[index]
        if reading.device in made.surprise:
            made.surprise[reading.device][reading.event_time_ms] = surprise
    made.requests.update((request.id, request) for request in facts.requests)
    _check_plans(made, batch)


def _check_plans(made: Rerun, batch: Batch) -> None:
    """Hold every plan the planner sent back against the request it answers."""
    for command in batch.commands:
        if command.kind is CommandKind.SUBMIT_PLAN and command.plan is not None and command.plan.id in made.requests:
            request = made.requests[command.plan.id]
            made.plans += 1
            made.over_capacity += bool(over_capacity(request, command.plan))
            made.out_of_reach += bool(out_of_reach(request, command.plan))
