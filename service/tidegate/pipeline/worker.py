"""The loop of one partition: read, step, commit. Alone it decides the order in which effects become durable.

Commit order of one batch, all in one transaction of the log:
  1. facts (outcomes, anomalies, incidents, forecasts, decisions, assignments) and dead letters,
  2. the journal record that lets a replay repeat the batch,
  3. now and then a snapshot,
  4. the input positions.
Only after it returned do plan requests leave for the planner and metrics move. A commit that fails is tried again with
the same records, for the state in memory already includes the batch; the journal tells whether it had gone through, or
whether another process took the partition over meanwhile, in which case this worker ends and its state goes with it.
A batch on which the core raises is never committed: the state is rebuilt from the log, and the input taken in smaller parts
(`poison`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from tidegate.contracts import topics
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.journal import Trial
from tidegate.core.classifier import Model
from tidegate.core.partition import Partition
from tidegate.errors import BatchFailedError, BundleError, DependencyError, OwnerReplacedError, StateLostError
from tidegate.pipeline.drain import Drain
from tidegate.pipeline.planning import PlanDesk
from tidegate.pipeline.poison import MAX_WHY_CHARACTERS, NOBODYS_POISON, Suspicion, suspicion_after
from tidegate.pipeline.portion import Inputs, Portion, count_readings
from tidegate.pipeline.progress import STUCK_AFTER_SECONDS, Progress
from tidegate.pipeline.replay import Restored, Restorer
from tidegate.pipeline.reporting import batch_report, levels
from tidegate.pipeline.retention import Retention
from tidegate.pipeline.settle import has_gone_through
from tidegate.pipeline.step import Step, Stepper
from tidegate.pipeline.turns import Turns
from tidegate.ports import NO_TRACING, Clock, Commit, Log, Metrics, Planner, Span, Tracing
from tidegate.ports.tracing import NO_SPAN

_log = structlog.get_logger(__name__)

T = TypeVar("T")

WORKER_INPUTS: Final = (topics.COMMANDS, topics.ACKS, topics.TELEMETRY)
"""What a worker reads. Of each it takes a bounded part every time, so that none waits behind a flood of another."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much a worker takes at once, and how often it ticks and snapshots.

    A batch holds at most `batch_records` records or `batch_bytes` bytes of each input; a mebibyte is about 6,000 readings,
    a second's work even when all of them are of one device and have to be taken one by one. Without input the core still
    ticks every `tick_seconds`. A snapshot is due after `snapshot_batches` batches, or sooner after `snapshot_readings`
    readings, or 10 for each device if that is more: a replay is as long as what came since, a snapshot as large as the
    fleet. Each output topic keeps its last `keep_facts` records; without `trim` nothing is deleted. A stage of the loop that
    takes `stuck_after_seconds` is stuck.
    """

    batch_records: int = 1000
    batch_bytes: int = 1024 * 1024
    tick_seconds: float = 1.0
    snapshot_batches: int = 1000
    snapshot_readings: int = 50_000
    commit_retry_seconds: float = 1.0
    stuck_after_seconds: float = STUCK_AFTER_SECONDS
    keep_facts: int = 200_000
    trim: bool = True


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """What a worker needs of the outside; `turns` it has in common with the other workers of its process."""

    log: Log
    planner: Planner
    clock: Clock
    metrics: Metrics
    forecasters: Mapping[str, Model]
    turns: Turns = field(default_factory=Turns)
    tracing: Tracing = NO_TRACING


class PartitionWorker:
    """Owns one partition from take-over and restore to last snapshot; `run` is called once.

    The core runs in a thread of its own, one call at a time, so that neither scoring nor a look at the state ever blocks
    the event loop or races with a step.
    """

    def __init__(
        self,
        index: int,
        ports: WorkerPorts,
        configuration: CoreConfiguration,
        limits: WorkerLimits,
        may_take_over: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_take_over` says whether a commit without an answer may be settled now: not while somebody else may be next."""
        self.index = index
        self._may_take_over = may_take_over
        self.progress = Progress(ports.clock, limits.stuck_after_seconds)
        self._ports = ports
        self._limits = limits
        self._configuration = configuration
        bundles = {name: forecaster.identity for name, forecaster in ports.forecasters.items()}
        self._stepper = Stepper(index, ports.log.partitions, configuration, bundles, ports.clock)
        self._desk = PlanDesk(index, ports.planner, ports.log, ports.metrics, ports.tracing)
        self._retention = Retention(index, ports.log, limits.keep_facts)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"partition-{index}")
        self._state: Restored | None = None
        self._suspicion: Suspicion | None = None
        self._ends: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._empty_before: dict[str, int] = {}
        self._batches_since = self._readings_since = self._steps = 0
        self._levels_at = float("-inf")
        self._drain = Drain()

    async def run(self, stop: asyncio.Event) -> None:
        """Restore, then work until `stop` is set; the batch at hand is finished and a snapshot left behind.

        Raises:
            StateLostError: the log cannot rebuild the state.
            BundleError: the journal was scored by a bundle that is not installed.
            OwnerReplacedError: another process took the partition over.
            BatchFailedError: the core raises without any input.
            RecordTooLargeError: the log refuses what the batch came to.
        """
        try:
            await self._ports.log.take_over(self.index)
            state = await self._restore()
            self._ports.metrics.taken_over()
            self._desk.ask(await self.call(Partition.pending_requests))
            while not stop.is_set():
                try:
                    found = await self._work(state)
                except BatchFailedError as error:
                    state = await self._recover(error)
                    continue
                if not found:
                    await self._ports.log.wait(self._limits.tick_seconds / 4)
            if self._batches_since and not state.taken:
                await self._commit(state, Portion(), snapshot=True)
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

    async def standing(self, *, digest: bool) -> tuple[int, str | None]:
        """How many journaled batches the state includes, and its digest. The last of them may not be durable yet.

        Raises:
            DependencyError: as `call`.
        """
        return await self.call(lambda partition: (self._steps, partition.digest() if digest else None))

    async def lag(self) -> dict[str, int]:
        """Records not yet taken, by input topic; until it is restored, those not committed as taken."""
        positions = await self._ports.log.positions(self.index) if self._state is None else self._state.positions
        return self._behind(await self._ask_ends(), positions)

    def _behind(self, ends: Mapping[str, int], positions: Mapping[str, int]) -> dict[str, int]:
        """Offsets between `positions` and `ends`, without those at which the last poll found that there is no record."""
        return {
            topic: max(0, end - max(positions.get(topic, 0), self._empty_before.get(topic, 0))) for topic, end in ends.items()
        }

    async def _ask_ends(self) -> dict[str, int]:
        return {topic: await self._ports.log.end_offset(topic, self.index) for topic in WORKER_INPUTS}

    async def _restore(self, why: str = "") -> Restored:
        ports = self._ports
        restorer = Restorer(ports.log, self.index, ports.forecasters, self._configuration, self.progress.replayed, self._thread)
        state = await restorer.restore()
        if state.last is not None:
            await ports.log.complete(self.index, self._stepper.said(*state.last))
            state.last = None
        ports.metrics.replayed(state.replayed_batches)
        _log.info("restored", partition=self.index, batches=state.replayed_batches, sequence=state.sequence)
        self._batches_since = state.replayed_batches
        self._steps = state.sequence
        self._state = state
        self._suspicion = suspicion_after(state.trial, why)
        self.progress.restored()
        return state

    async def _recover(self, error: BatchFailedError) -> Restored:
        """Drop the state that a failed batch left and rebuild it; what the batch took is suspect from here on."""
        self._ports.metrics.batch_failed()
        self.progress.blocked(error.message)
        self._state = None
        return await self._restore(why=error.message)

    async def _work(self, state: Restored) -> bool:
        """Take one batch if there is input or a tick is due; true when there was input."""
        try:
            with self.progress.during("read"):
                inputs = await self._poll(state.positions)
        except StateLostError:
            raise
        except DependencyError as error:  # an unreachable log holds us up, and costs nothing that was committed
            self._blocked("read_failed", error, state.sequence)
            await asyncio.sleep(self._limits.commit_retry_seconds)
            return False
        found = any(inputs.values())
        if not found:  # a journal that ends with an announcement would have something waiting
            self._suspicion = None
        if found and self._suspicion is not None:
            await self._try(state, inputs, self._suspicion)
        elif found or self._tick_due(state):
            await self._commit(state, Portion(inputs), snapshot=self._snapshot_due(state) and not state.taken)
        self.progress.beat(lag=sum(self._behind(self._ends, state.positions).values()))
        return found

    async def _poll(self, positions: Mapping[str, int]) -> Inputs:
        limits, log = self._limits, self._ports.log
        self._ends = await self._ask_ends()  # before the reads: where one finds nothing, there is nothing up to here
        self._waiting = self._behind(self._ends, positions)
        inputs = {
            topic: await log.read(
                topic, self.index, positions.get(topic, 0), max_records=limits.batch_records, max_bytes=limits.batch_bytes
            )
            for topic in WORKER_INPUTS
        }
        self._empty_before = {topic: self._ends[topic] for topic, records in inputs.items() if not records}
        self.progress.held({topic: log.held_seconds(topic, self.index) for topic in WORKER_INPUTS})
        return inputs

    async def _try(self, state: Restored, inputs: Inputs, suspicion: Suspicion) -> None:
        """Take as much of `inputs` as is dared now, announced first; without any suspect left, go back to taking all."""
        bite = suspicion.bite(inputs, state.taken, lambda record: count_readings(record, self._ports.log.partitions))
        if bite is None:
            self._suspicion = None
            return
        async with self._ports.turns.trial(self.index, self.progress.waiting):
            if bite.trial is not None:
                await self._commit(state, Portion(), snapshot=False, trial=bite.trial)
            try:
                await self._commit(state, bite.portion, snapshot=False)
            except BundleError:  # and so it would with other input: the announcement must not count against this one
                await self._commit(await self._restore(), Portion(), snapshot=False)
                raise
        for each in bite.portion.excluded:
            place = {"topic": each.topic, "offset": each.offset, "index": each.index}
            _log.error("poison_isolated", partition=self.index, **place, why=each.why)
        self._suspicion = suspicion.passed(bite)

    def _snapshot_due(self, state: Restored) -> bool:
        enough = max(self._limits.snapshot_readings, 10 * state.partition.detection.device_count())
        return self._batches_since >= self._limits.snapshot_batches or self._readings_since >= enough

    def _tick_due(self, state: Restored) -> bool:
        return self._ports.clock.now_ms() - state.tick_ms >= self._limits.tick_seconds * 1000

    async def _commit(self, state: Restored, portion: Portion, *, snapshot: bool, trial: Trial | None = None) -> None:
        causes = [record for records in portion.inputs.values() for record in records] if self._ports.tracing.on else ()
        if not causes:
            return await self._committed(state, portion, NO_SPAN, snapshot=snapshot, trial=trial)
        with self._ports.tracing.span("batch", causes=causes) as span:
            return await self._committed(state, portion, span, snapshot=snapshot, trial=trial)

    async def _committed(self, state: Restored, portion: Portion, span: Span, *, snapshot: bool, trial: Trial | None) -> None:
        # The system clock may step back; the core's time never does.
        tick_ms = max(self._ports.clock.now_ms(), state.tick_ms)
        step = await self._step(lambda: self._stepped(state, portion, tick_ms, snapshot, trial), portion)
        started = self._ports.clock.monotonic()
        await self._until_durable(Commit(self.index, step.outputs, step.positions), state.sequence)
        step.seconds["commit"] = self._ports.clock.monotonic() - started
        state.positions, state.tick_ms, state.taken = step.positions, tick_ms, step.taken
        state.sequence += 1
        self.progress.committed()
        span.stages(step.seconds)
        for each in step.facts.decisions:
            span.note("decision", {"plan": each.plan_id, "status": each.status, "site": each.site})
        self._desk.ask(step.facts.requests)
        await self._report(state, step)
        await self._after(state, step, snapshot)

    def _stepped(self, state: Restored, portion: Portion, tick_ms: int, snapshot: bool, trial: Trial | None) -> Step:
        step = self._stepper.step(state, portion, tick_ms, snapshot=snapshot, trial=trial)
        self._steps = state.sequence + 1
        return step

    async def _step(self, step: Callable[[], Step], portion: Portion) -> Step:
        """Run `step` in the core's thread.

        Raises:
            BatchFailedError: the core raised on input, and it is not about log, bundle or settings.
        """
        try:
            async with self._ports.turns.step(self.index, self.progress.waiting):
                with self.progress.during("core"):
                    return await asyncio.get_running_loop().run_in_executor(self._thread, step)
        except NOBODYS_POISON:
            raise
        except Exception as error:
            searching = self._suspicion is not None and self._suspicion.until is not None  # one traceback is enough
            _log.error("batch_failed", partition=self.index, reason=repr(error)[:MAX_WHY_CHARACTERS], exc_info=not searching)
            if not portion.inputs or portion.excluded:  # nothing was taken that could be to blame
                raise
            raise BatchFailedError(f"the core failed on a batch: {error!r}"[:MAX_WHY_CHARACTERS]) from error

    async def _until_durable(self, commit: Commit, sequence: int) -> None:
        """Commit until it holds. An error may hide a commit that went through, so that is found out before a repeat."""
        log, done = self._ports.log, False
        while not done:
            try:
                with self.progress.committing():
                    await log.commit(commit)
                done = True
            except OwnerReplacedError:
                raise
            except DependencyError as error:
                self._blocked("commit_failed", error, sequence)
                done = await self._patiently(lambda: has_gone_through(log, commit, sequence), sequence)

    async def _patiently(self, ask: Callable[[], Awaitable[bool]], sequence: int) -> bool:
        """The answer of `ask`, however often the log cannot be asked just now."""
        while True:
            await asyncio.sleep(self._limits.commit_retry_seconds)
            if not self._may_take_over():
                self.progress.blocked("the group shares out its partitions, and a commit waits to be settled")
                continue
            try:
                return await ask()
            except OwnerReplacedError:
                raise
            except DependencyError as error:
                self._blocked("commit_failed", error, sequence)

    def _blocked(self, what: str, error: DependencyError, sequence: int) -> None:
        self.progress.blocked(str(error))
        _log.error(what, partition=self.index, sequence=sequence, reason=str(error))

    async def _report(self, state: Restored, step: Step) -> None:
        self._ports.metrics.batch(batch_report(step.facts, step.letters, step.undecodable, step.seconds))
        now = self._ports.clock.monotonic()
        if now - self._levels_at >= self._limits.tick_seconds:
            self._levels_at = now
            lag = self._waiting  # when the batch began: what came in during it would never show otherwise
            drain_seconds = self._drain.look(now, lag)
            found = await self.call(lambda partition: levels(partition, lag, drain_seconds, state.tick_ms))
            self._ports.metrics.levels(self.index, found)

    async def _after(self, state: Restored, step: Step, snapshot: bool) -> None:
        if not snapshot:
            self._batches_since += 1
            self._readings_since += step.facts.detection.received
            return
        self._batches_since = self._readings_since = 0
        state.generation += 1
        if not self._limits.trim:
            return
        try:
            await self._retention.after_snapshot(state.positions)
        except DependencyError as error:  # the next snapshot makes up for it
            _log.warning("trim_failed", partition=self.index, reason=str(error))
