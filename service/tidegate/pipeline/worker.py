"""The loop of one partition: read, decode, step, encode, commit. Alone it decides the order in which effects become durable.

Commit order of one batch, all in one transaction of the log:
  1. facts (outcomes, anomalies, incidents, forecasts, decisions, assignments) and dead letters,
  2. the journal record that lets a replay repeat the batch,
  3. now and then a snapshot,
  4. the input positions.
Only after it returned do plan requests leave for the planner and metrics move. A commit that fails is tried again with
the same records: nothing of it was visible, and the state in memory already includes the batch.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog

from tidegate import __version__
from tidegate.contracts import topics
from tidegate.contracts.codec import digest
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.journal import JournalRecord, OffsetRange
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Batch, Facts, Partition
from tidegate.errors import DependencyError
from tidegate.pipeline.decode import Telemetry, decode_commands, decode_telemetry, reject
from tidegate.pipeline.encode import FactEncoder
from tidegate.pipeline.planning import PlanDesk
from tidegate.pipeline.progress import Progress
from tidegate.pipeline.replay import Restored, Restorer
from tidegate.pipeline.retention import Retention
from tidegate.pipeline.snapshots import chunk_snapshot
from tidegate.ports import Clock, Commit, Log, Metrics, Outgoing, Planner, Record

_log = structlog.get_logger(__name__)

WORKER_INPUTS = (topics.TELEMETRY, topics.COMMANDS)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much a worker takes at once, and how often it ticks and snapshots.

    A batch holds at most `batch_records` records or `batch_bytes` bytes of each input. Without input the core still
    ticks every `tick_seconds`. A snapshot is due after `snapshot_batches` batches; each
    output topic keeps its last `keep_facts` records per partition.
    """

    batch_records: int = 500
    batch_bytes: int = 4 * 1024 * 1024
    tick_seconds: float = 1.0
    snapshot_batches: int = 1000
    commit_retry_seconds: float = 1.0
    keep_facts: int = 200_000


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """What a worker needs of the outside."""

    log: Log
    planner: Planner
    clock: Clock
    metrics: Metrics
    forecasters: Mapping[str, Forecaster]


class PartitionWorker:
    """Owns one partition from restore to last snapshot.

    The core runs in a thread of its own, one call at a time, so that neither scoring nor a look at the state ever blocks
    the event loop or races with a step.
    """

    def __init__(self, index: int, ports: WorkerPorts, configuration: CoreConfiguration, limits: WorkerLimits) -> None:
        self.index = index
        self.progress = Progress(ports.clock)
        self._ports = ports
        self._configuration = configuration
        self._limits = limits
        self._encoder = FactEncoder(index)
        self._desk = PlanDesk(index, ports.planner, ports.log, ports.metrics)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"partition-{index}")
        self._state: Restored | None = None
        self._since_snapshot = 0
        self._configuration_is_new = True
        self._configuration_digest = digest(configuration)
        self._retention = Retention(index, ports.log, limits.keep_facts)

    async def run(self, stop: asyncio.Event) -> None:
        """Restore, then work until `stop` is set; the batch at hand is finished and a snapshot left behind.

        Raises:
            StateLostError: the log cannot rebuild the state.
            BundleError: the journal was scored by a bundle that is not installed.
        """
        state = await self._restore()
        self._desk.ask(await self.call(lambda partition: partition.pending_requests()))
        try:
            while not stop.is_set():
                if not await self._work(state):
                    await self._ports.log.wait(self._limits.tick_seconds / 4)
            if self._since_snapshot:
                await self._commit_batch(state, {}, snapshot=True)
        finally:
            await self._desk.close()
            self._thread.shutdown(wait=True)

    async def call(self, look: Callable[[Partition], T]) -> T:
        """Run `look` over the state between two steps, in the core's thread.

        Raises:
            DependencyError: the partition is not restored yet.
        """
        state = self._state
        if state is None:
            raise DependencyError(f"partition {self.index} is still being restored", advice="try again in a moment")
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: look(state.partition))

    async def lag(self) -> dict[str, int]:
        """Records not yet taken, by input topic; before the restore, everything."""
        positions = self._state.positions if self._state else {}
        ends = {topic: await self._ports.log.end_offset(topic, self.index) for topic in WORKER_INPUTS}
        return {topic: end - positions.get(topic, 0) for topic, end in ends.items()}

    async def _restore(self) -> Restored:
        ports = self._ports
        restorer = Restorer(ports.log, self.index, ports.forecasters, self._configuration, self.progress.replayed)
        state = await restorer.restore()
        ports.metrics.replayed(state.replayed_batches)
        _log.info("restored", partition=self.index, batches=state.replayed_batches, sequence=state.sequence)
        self._configuration_is_new = state.sequence == 0 or state.partition.configuration != self._configuration
        self._state = state
        self.progress.restored()
        return state

    async def _work(self, state: Restored) -> bool:
        """Take one batch if there is input or a tick is due; true when there was input."""
        inputs = await self._poll(state.positions)
        if any(inputs.values()) or self._tick_due(state):
            await self._commit_batch(state, inputs, snapshot=self._since_snapshot >= self._limits.snapshot_batches)
        self.progress.beat(lag=sum((await self.lag()).values()))
        return any(inputs.values())

    async def _poll(self, positions: Mapping[str, int]) -> dict[str, Sequence[Record]]:
        limits, log = self._limits, self._ports.log
        return {
            topic: await log.read(
                topic, self.index, positions.get(topic, 0), max_records=limits.batch_records, max_bytes=limits.batch_bytes
            )
            for topic in WORKER_INPUTS
        }

    def _tick_due(self, state: Restored) -> bool:
        return self._ports.clock.now_ms() - state.tick_ms >= self._limits.tick_seconds * 1000

    async def _commit_batch(self, state: Restored, inputs: Mapping[str, Sequence[Record]], *, snapshot: bool) -> None:
        # The system clock may step back; the core's time never does.
        tick_ms = max(self._ports.clock.now_ms(), state.tick_ms)
        loop = asyncio.get_running_loop()
        step = await loop.run_in_executor(self._thread, self._step, state, inputs, tick_ms, snapshot)
        await self._commit_until_durable(Commit(self.index, step.outputs, step.positions))
        state.positions, state.tick_ms = step.positions, tick_ms
        state.sequence += 1
        state.generation += snapshot
        self._since_snapshot = 0 if snapshot else self._since_snapshot + 1
        self._configuration_is_new = False
        self.progress.committed()
        self._desk.ask(step.facts.requests)
        await self._report(step, state)
        if snapshot:
            await self._retention.after_snapshot(step.positions)

    def _step(self, state: Restored, inputs: Mapping[str, Sequence[Record]], tick_ms: int, snapshot: bool) -> "_Step":
        changed = self._configuration_is_new
        if changed:
            state.partition.configure(self._configuration)
        telemetry = decode_telemetry(inputs.get(topics.TELEMETRY, ()), self._ports.log.partitions)
        commands, bad_commands = decode_commands(inputs.get(topics.COMMANDS, ()))
        undecodable = sum(letter.readings for letter in telemetry.letters)
        facts = state.partition.step(Batch(tick_ms, telemetry.readings, commands, undecodable))
        letters = [*telemetry.letters, *bad_commands, *(reject(telemetry, each) for each in facts.rejections)]
        outputs = [*self._encoder.facts(facts), *self._encoder.letters(letters)]
        outputs.append(self._encoder.journal(self._journal(state, inputs, tick_ms, changed)))
        positions = state.positions | {topic: records[-1].offset + 1 for topic, records in inputs.items() if records}
        if snapshot:
            exported = state.partition.export_state()
            chunks = chunk_snapshot(self.index, state.sequence, positions, exported)
            outputs += self._encoder.snapshot(chunks, state.generation)
        return _Step(telemetry, facts, letters, outputs, positions)

    def _journal(self, state: Restored, inputs: Mapping[str, Sequence[Record]], tick_ms: int, changed: bool) -> JournalRecord:
        return JournalRecord(
            partition=self.index,
            sequence=state.sequence,
            tick_ms=tick_ms,
            inputs=[OffsetRange(topic, r[0].offset, r[-1].offset + 1) for topic, r in inputs.items() if r],
            configuration_digest=self._configuration_digest,
            bundles={name: forecaster.identity for name, forecaster in self._ports.forecasters.items()},
            code_version=__version__,
            configuration=self._configuration if changed else None,
        )

    async def _commit_until_durable(self, commit: Commit) -> None:
        while True:
            try:
                await self._ports.log.commit(commit)
                return
            except DependencyError as error:
                self.progress.blocked(str(error))
                _log.error("commit_failed", partition=self.index, reason=str(error))
                await asyncio.sleep(self._limits.commit_retry_seconds)

    def _report(self, step: "_Step", inputs: Mapping[str, Sequence[Record]]) -> None:
        self._desk.ask(step.facts.requests)


@dataclass(frozen=True, slots=True)
class _Step:
    telemetry: Telemetry
    facts: Facts
    letters: list[DeadLetter]
    outputs: list[Outgoing]
    positions: dict[str, int]
