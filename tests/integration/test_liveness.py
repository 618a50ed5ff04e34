"""What hangs is seen: it fails liveness within the bound and shows in the metrics. What is only out of reach does not."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import pytest
import pytest_asyncio

from tidegate.adapters.membership import SoleMember
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.contracts import topics
from tidegate.contracts.plan import Plan
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.forecaster import Forecaster
from tidegate.errors import DependencyError
from tidegate.pipeline.live import LiveWorkers
from tidegate.pipeline.planning import WatchedPlanner
from tidegate.pipeline.progress import STUCK_AFTER_SECONDS
from tidegate.pipeline.worker import PartitionWorker, WorkerPorts
from tidegate.pipeline.workers import Workers
from tidegate.ports import Ages, Commit, Record
from worker_rig import CONFIGURATION, LIMITS, Rig, readings, universal

BOUND = STUCK_AFTER_SECONDS
START_MS = 1_700_000_000_000


class Trouble(MemoryLog):
    """A log whose calls hang, fail, or find an input held back, as the test says."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.may_commit = asyncio.Event()
        self.may_commit.set()
        self.unreachable = False
        self.held: Mapping[str, float] = {}

    async def commit(self, commit: Commit) -> None:
        self._reach()
        await self.may_commit.wait()
        await super().commit(commit)

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        self._reach()
        return await super().read(topic, partition, offset, max_records=max_records, max_bytes=max_bytes)

    def held_seconds(self, topic: str, partition: int) -> float:
        return self.held.get(topic, 0.0)

    def _reach(self) -> None:
        if self.unreachable:
            raise DependencyError("no broker answers")


class Slow:
    """The real forecaster, which waits while the test holds it."""

    def __init__(self, real: Forecaster) -> None:
        self.manifest, self.identity, self._real = real.manifest, real.identity, real
        self.may_step = threading.Event()
        self.may_step.set()

    def step(self, *arguments: object) -> object:
        assert self.may_step.wait(60), "the test has to let go"
        return self._real.step(*arguments)  # type: ignore[arg-type]


class Deaf:
    """A planner that never answers."""

    async def plan(self, request: PlanRequest) -> Plan:
        return await asyncio.Future[Plan]()

    async def close(self) -> None:
        """Nothing to stop."""


@pytest.fixture(scope="module")
def slow() -> Slow:
    return Slow(universal()["universal"])


@pytest_asyncio.fixture
async def rig(slow: Slow) -> AsyncIterator[Rig]:
    clock = ManualClock(START_MS)
    rig = Rig(Trouble(clock), clock, {"universal": slow})  # type: ignore[dict-item]
    rig.start()
    await rig.send(readings(0, start_ms=START_MS))
    await rig.drained()
    yield rig
    slow.may_step.set()
    await rig.kill()


def trouble(rig: Rig) -> Trouble:
    assert isinstance(rig.log, Trouble)
    return rig.log


def reasons(rig: Rig) -> str:
    assert rig.worker is not None
    return "; ".join(rig.worker.progress.not_ready())


def alive(rig: Rig) -> bool:
    assert rig.worker is not None
    return rig.worker.progress.alive()


def ages(rig: Rig) -> Ages:
    assert rig.worker is not None
    return rig.worker.progress.ages()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # one turn of the loop is enough, and nothing tells of it
            await asyncio.sleep(0.001)


async def test_a_step_that_hangs_in_the_core_fails_liveness_within_the_bound(rig: Rig, slow: Slow) -> None:
    slow.may_step.clear()
    await rig.send(readings(1, start_ms=START_MS))
    await until(lambda: rig.worker is not None and rig.worker.progress.stage == "core")
    rig.clock.advance(BOUND - 1)
    assert alive(rig)
    rig.clock.advance(2)
    assert not alive(rig)
    assert f"no sign of life for {BOUND + 1:.0f} s, in core" in reasons(rig)
    assert ages(rig).turn_seconds == BOUND + 1
    slow.may_step.set()
    await rig.drained()
    assert (alive(rig), reasons(rig)) == (True, "")


async def test_a_commit_that_never_returns_fails_liveness_and_its_transaction_is_seen_to_age(rig: Rig) -> None:
    trouble(rig).may_commit.clear()
    await rig.send(readings(1, start_ms=START_MS))
    await until(lambda: rig.worker is not None and rig.worker.progress.stage == "commit")
    rig.clock.advance(BOUND - 1)
    assert (alive(rig), ages(rig).transaction_seconds) == (True, BOUND - 1)
    rig.clock.advance(2)
    assert not alive(rig)
    assert "in commit" in reasons(rig)
    assert ages(rig).commit_seconds >= BOUND + 1
    trouble(rig).may_commit.set()
    await rig.drained()
    assert (alive(rig), ages(rig).transaction_seconds) == (True, 0.0)


async def test_a_read_that_never_returns_fails_liveness(rig: Rig) -> None:
    trouble(rig).pause()
    await until(lambda: rig.worker is not None and rig.worker.progress.stage == "read")
    rig.clock.advance(BOUND + 1)
    assert not alive(rig)
    assert "in read" in reasons(rig)
    trouble(rig).resume()
    await until(lambda: alive(rig))


async def test_a_log_out_of_reach_leaves_the_worker_alive_and_not_ready_for_as_long_as_it_lasts(rig: Rig) -> None:
    trouble(rig).unreachable = True
    await until(lambda: "no broker answers" in reasons(rig))
    for _ in range(20):
        rig.clock.advance(BOUND - 1)
        await until(lambda: ages(rig).turn_seconds == 0)
        assert alive(rig)
        assert "no broker answers" in reasons(rig)
    assert ages(rig).commit_seconds > 10 * BOUND
    trouble(rig).unreachable = False
    await rig.send(readings(1, start_ms=START_MS))
    await until(lambda: reasons(rig) == "")


async def test_an_input_held_back_by_an_open_transaction_is_not_ready_and_says_what_to_do(rig: Rig) -> None:
    trouble(rig).held = {topics.TELEMETRY: BOUND - 1}
    await until(lambda: ages(rig).held_seconds == BOUND - 1)
    assert reasons(rig) == "", "every transaction takes a moment"
    trouble(rig).held = {topics.TELEMETRY: BOUND + 1}
    await until(lambda: ages(rig).held_seconds == BOUND + 1)
    assert "tidegate.telemetry.v1: a producer has left a transaction open for 31 s" in reasons(rig)
    assert "kafka-transactions.sh abort" in reasons(rig)
    assert alive(rig), "starting again would not help"
    trouble(rig).held = {}
    await until(lambda: reasons(rig) == "")


async def test_a_planner_that_never_answers_fails_liveness_and_one_with_nothing_to_do_does_not() -> None:
    clock, metrics = ManualClock(), PrometheusMetrics()
    planner = WatchedPlanner(Deaf(), clock, 60.0)
    ports = WorkerPorts(MemoryLog(clock=clock), planner, clock, metrics, {})
    nobody = Workers(
        ports.log, SoleMember(()), metrics, partial(PartitionWorker, ports=ports, configuration=CONFIGURATION, limits=LIMITS)
    )
    live = LiveWorkers(nobody, {}, planner)
    metrics.watch(live.ages)
    clock.advance(1000)
    assert live.health().alive
    asking = [asyncio.create_task(planner.plan(None)) for _ in range(2)]  # type: ignore[arg-type]  # nobody looks at it
    await asyncio.sleep(0)
    clock.advance(59)
    assert live.health().alive
    assert b"tidegate_planner_wait_seconds 59.0" in metrics.render()
    clock.advance(2)
    assert not live.health().alive
    assert live.health().reasons == ["the planner has not answered for 61 s"]
    for task in asking:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert live.health().alive, "an answer, be it an error, starts the time anew"


async def test_the_metrics_show_ages_as_of_the_question(rig: Rig) -> None:
    assert rig.worker is not None
    metrics = PrometheusMetrics()
    metrics.watch(rig.worker.progress.ages)
    trouble(rig).pause()
    await until(lambda: rig.worker is not None and rig.worker.progress.stage == "read")
    rig.clock.advance(7)
    assert b"tidegate_turn_age_seconds 7.0" in metrics.render()
    assert b"tidegate_transaction_age_seconds 0.0" in metrics.render()
    trouble(rig).resume()
