"""The loop of one partition: read, step, commit. Alone it decides the order in which effects become durable.

Commit order of one batch, all in one transaction of the log:
  1. facts (outcomes, anomalies, incidents, forecasts, decisions, assignments) and dead letters,
  2. the journal record that lets a replay repeat the batch,
  3. now and then a snapshot,
  4. the input positions.
Only after it returned do plan requests leave for the planner and metrics move. A commit that fails is tried again with
the same records, for the state in memory already includes the batch; the journal tells whether it had gone through.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.journal import JournalRecord
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Partition
from tidegate.errors import DependencyError
from tidegate.pipeline.planning import PlanDesk
from tidegate.pipeline.progress import Progress
from tidegate.pipeline.replay import Restored, Restorer
from tidegate.pipeline.reporting import batch_report, levels
from tidegate.pipeline.retention import Retention
from tidegate.pipeline.step import Inputs, Step, Stepper
from tidegate.ports import Clock, Commit, Log, Metrics, Planner

_log = structlog.get_logger(__name__)

T = TypeVar("T")

WORKER_INPUTS: Final = (topics.COMMANDS, topics.TELEMETRY)
"""What a worker reads. Acks join them with the hand-over protocol (docs/decisions/0004)."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much a worker takes at once, and how often it ticks and snapshots.

    A batch holds at most `batch_records` records or `batch_bytes` bytes of each input; a mebibyte is about 6,000 readings,
    a second's work even when all of them are of one device and have to be taken one by one. Without input the core still
    ticks every `tick_seconds`. A snapshot is due after `snapshot_batches` batches, or sooner after `snapshot_readings`
    readings, or 10 for each device if that is more: a replay is as long as what came since, a snapshot as large as the
    fleet. Each output topic keeps its last `keep_facts` records.
    """

    batch_records: int = 1000
    batch_bytes: int = 1024 * 1024
    tick_seconds: float = 1.0
    snapshot_batches: int = 1000
    snapshot_readings: int = 50_000
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
        self._limits = limits
        self._configuration = configuration
        bundles = {name: forecaster.identity for name, forecaster in ports.forecasters.items()}
        self._stepper = Stepper(index, ports.log.partitions, configuration, bundles, ports.clock)
        self._desk = PlanDesk(index, ports.planner, ports.log, ports.metrics)
        self._retention = Retention(index, ports.log, limits.keep_facts)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"partition-{index}")
        self._state: Restored | None = None
        self._batches_since = self._readings_since = 0
        self._levels_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Restore, then work until `stop` is set; the batch at hand is finished and a snapshot left behind.

        Raises:
            StateLostError: the log cannot rebuild the state.
            BundleError: the journal was scored by a bundle that is not installed.
        """
        try:
            state = await self._restore()
            self._desk.ask(await self.call(Partition.pending_requests))
            while not stop.is_set():
                if not await self._work(state):
                    await self._ports.log.wait(self._limits.tick_seconds / 4)
            if self._batches_since:
                await self._commit(state, {}, snapshot=True)
        finally:
            await self._desk.close()
            self._thread.shutdown(wait=False)

    async def call(self, look: Callable[[Partition], T]) -> T:
        """Run `look` over the state between two steps, in the core's thread.

        Raises:
            DependencyError: the partition is not restored yet, or the worker has stopped.
        """
        state = self._state
        if state is None:
            raise DependencyError(f"partition {self.index} is still being restored", advice="try again in a moment")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: look(state.partition))
        except RuntimeError as error:  # the executor's word for "shut down"
            raise DependencyError(f"partition {self.index} has stopped") from error

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
        self._batches_since = state.replayed_batches
        self._state = state
        self.progress.restored()
        return state

    async def _work(self, state: Restored) -> bool:
        """Take one batch if there is input or a tick is due; true when there was input."""
        inputs = await self._poll(state.positions)
        found = any(inputs.values())
        if found or self._tick_due(state):
            await self._commit(state, inputs, snapshot=self._snapshot_due(state))
        self.progress.beat(lag=sum((await self.lag()).values()))
        return found

    async def _poll(self, positions: Mapping[str, int]) -> Inputs:
        limits, log = self._limits, self._ports.log
        return {
            topic: await log.read(
                topic, self.index, positions.get(topic, 0), max_records=limits.batch_records, max_bytes=limits.batch_bytes
            )
            for topic in WORKER_INPUTS
        }

    def _snapshot_due(self, state: Restored) -> bool:
        enough = max(self._limits.snapshot_readings, 10 * state.partition.detection.device_count())
        return self._batches_since >= self._limits.snapshot_batches or self._readings_since >= enough

    def _tick_due(self, state: Restored) -> bool:
        return self._ports.clock.now_ms() - state.tick_ms >= self._limits.tick_seconds * 1000

    async def _commit(self, state: Restored, inputs: Inputs, *, snapshot: bool) -> None:
        # The system clock may step back; the core's time never does.
        tick_ms = max(self._ports.clock.now_ms(), state.tick_ms)
        loop = asyncio.get_running_loop()
        step = await loop.run_in_executor(self._thread, lambda: self._stepper.step(state, inputs, tick_ms, snapshot=snapshot))
        started = self._ports.clock.monotonic()
        await self._until_durable(Commit(self.index, step.outputs, step.positions), state.sequence)
        step.seconds["commit"] = self._ports.clock.monotonic() - started
        state.positions, state.tick_ms = step.positions, tick_ms
        state.sequence += 1
        self.progress.committed()
        self._desk.ask(step.facts.requests)
        await self._report(state, step)
        await self._after(state, step, snapshot)

    async def _until_durable(self, commit: Commit, sequence: int) -> None:
        """Commit until it holds. An error may hide a commit that went through, so the journal is asked before a repeat."""
        while True:
            try:
                return await self._ports.log.commit(commit)
            except DependencyError as error:
                self.progress.blocked(str(error))
                _log.error("commit_failed", partition=self.index, sequence=sequence, reason=str(error))
                await asyncio.sleep(self._limits.commit_retry_seconds)
                if await self._is_journaled(sequence):
                    return None

    async def _is_journaled(self, sequence: int) -> bool:
        log = self._ports.log
        try:
            end = await log.end_offset(topics.JOURNAL, self.index)
            last = await log.read(topics.JOURNAL, self.index, end - 1, max_records=1, max_bytes=1)
        except DependencyError:
            return False
        return bool(last) and decode(last[0].value or b"", JournalRecord).sequence == sequence

    async def _report(self, state: Restored, step: Step) -> None:
        self._ports.metrics.batch(batch_report(step.facts, step.letters, step.undecodable, step.seconds))
        now = self._ports.clock.monotonic()
        if now - self._levels_at >= self._limits.tick_seconds:
            self._levels_at = now
            lag = await self.lag()
            found = await self.call(lambda partition: levels(partition, lag, state.tick_ms))
            self._ports.metrics.levels(self.index, found)

    async def _after(self, state: Restored, step: Step, snapshot: bool) -> None:
        if not snapshot:
            self._batches_since += 1
            self._readings_since += step.facts.detection.received
            return
        self._batches_since = self._readings_since = 0
        state.generation += 1
        await self._retention.after_snapshot(state.positions)
