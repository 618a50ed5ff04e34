"""What workers know, asked for here and over HTTP: the same answers, and a clear word where nobody can give one."""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from tidegate.adapters.bundles import shipped_bundles
from tidegate.adapters.membership import SoleMember
from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.adapters.remote_live import Addresses, Asking, Crew, RemoteConfiguring, RemoteLive
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.app import INTERNAL, OPERATION, create_app
from tidegate.api.dependencies import ApiDependencies
from tidegate.api.feed import Feed
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.core.forecaster import Forecaster
from tidegate.errors import ConfigurationError, DependencyError, TidegateError
from tidegate.pipeline.configuring import ConfigurationDesk
from tidegate.pipeline.live import LiveWorkers
from tidegate.pipeline.planning import WatchedPlanner
from tidegate.pipeline.worker import PartitionWorker, WorkerPorts
from tidegate.pipeline.workers import Workers
from tidegate.ports import Configuring, LiveState, Outgoing
from tidegate.ports.questions import QUESTIONS, Question
from worker_rig import CONFIGURATION, DEVICES, LIMITS, PROFILE, SITE, heartbeat, readings, topology, universal

PARTITIONS = 2
OURS = partition_of(SITE, PARTITIONS)
OTHER = 1 - OURS
ARGUMENTS = {
    "site": SITE,
    "device": DEVICES[3],
    "digest": True,
    "profiles": [replace(PROFILE, interval_seconds=2.0)],
    "name": "universal",
    "version": "1",
}
"""What each parameter of a question is given; one that is not here gets its default."""

SELDOM = {"words"}
"""Questions with nothing to answer in what happened here."""


class QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def served(app: Any, port: int = 0) -> AsyncIterator[str]:
    server = QuietServer(uvicorn.Config(app, log_config=None, lifespan="off"))
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = server.force_exit = True
        await serving


@dataclass
class Process:
    """A worker process that works `partitions`, without a socket."""

    live: LiveWorkers
    desk: ConfigurationDesk
    log: MemoryLog
    app: Any

    async def settled(self, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not self.live.health().ready or any((await self.live.lag()).values()):  # noqa: ASYNC110
                await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def process(
    log: MemoryLog,
    clock: ManualClock,
    forecasters: dict[str, Forecaster],
    partitions: Collection[int],
    access: AccessControl | None = None,
) -> AsyncIterator[Process]:
    ports = WorkerPorts(log, InlinePlanner(), clock, NullMetrics(), forecasters)

    def make(index: int, *, may_take_over: Any) -> PartitionWorker:
        return PartitionWorker(index, ports, CONFIGURATION, LIMITS, may_take_over)

    workers = Workers(log, SoleMember(partitions), NullMetrics(), make, retry_seconds=0.001)
    live = LiveWorkers(workers, {"universal": "universal/1@abc"}, WatchedPlanner(ports.planner, clock, 60.0))
    stop = asyncio.Event()
    running = asyncio.create_task(workers.run(stop))
    bundles = {"universal/1": shipped_bundles() / "universal" / "1"}
    desk = ConfigurationDesk(log, workers, CONFIGURATION, forecasters, folders=lambda: bundles)
    metrics: Any = NullMetrics()
    nothing: Any = None  # a worker alone has no history
    dependencies = ApiDependencies(
        log, nothing, live, metrics, clock, Feed(log), access=access or AccessControl(), own=live, own_desk=desk
    )
    yield Process(live, desk, log, create_app(dependencies, OPERATION + INTERNAL))
    stop.set()
    await running


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def log(clock: ManualClock) -> AsyncIterator[MemoryLog]:
    """A site with a topology, gateways that spoke, readings, and something that alarms."""
    log = MemoryLog(PARTITIONS, clock=clock)
    sent: list[tuple[str, object]] = [(topics.COMMANDS, topology())]
    sent += [(topics.TELEMETRY, readings(second, start_ms=clock.now_ms() - 60_000)) for second in range(40)]
    sent += [(topics.ACKS, heartbeat("gw-a", clock.now_ms()))]
    await log.append([Outgoing(topic, OURS, SITE.encode(), encode(message)) for topic, message in sent])
    yield log
    await log.close()


def remote(client: httpx.AsyncClient, *urls: str, log: MemoryLog, own: LiveState, seconds: float = 5.0) -> RemoteLive:
    return RemoteLive(Asking(Crew(Addresses(client, urls, seconds).now), PARTITIONS), log, own)


async def put(question: Question, live: object) -> object:
    wanted = inspect.signature(getattr(question.port, question.name)).parameters
    named = {name: ARGUMENTS[name] for name in wanted if name in ARGUMENTS}
    return await question.put_to(live, question.asked(**named))


async def test_every_question_has_the_same_answer_here_and_over_http(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async with (
        process(log, clock, forecasters, range(PARTITIONS)) as worker,
        process(log, clock, forecasters, ()) as door,
        served(worker.app) as url,
        httpx.AsyncClient() as client,
    ):
        await worker.settled()
        asked = remote(client, url, log=log, own=door.live)
        await asked.balance()  # any question that needs a worker makes it look for one
        configuring = RemoteConfiguring(asked._asking, door.desk)
        for question in QUESTIONS.values():
            local, other = (worker.desk, configuring) if question.port is Configuring else (worker.live, asked)
            here, there = await put(question, local), await put(question, other)
            assert there == here, question
            assert question.name in SELDOM or here, f"an empty answer shows nothing: {question}"


async def test_answers_of_several_workers_join_up_and_a_missing_one_is_said(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async with (
        process(log, clock, forecasters, [OURS]) as ours,
        process(log, clock, forecasters, ()) as door,
        httpx.AsyncClient() as client,
        served(ours.app) as url,
    ):
        await ours.settled()
        async with process(log, clock, forecasters, [OTHER]) as other, served(other.app) as second:
            await other.settled()
            asked = remote(client, url, second, log=log, own=door.live)
            assert [view.partition for view in await asked.partitions(digest=False)] == [0, 1]
            assert len(await asked.device_views(None)) == len(DEVICES)
            assert [site.site for site in await asked.sites()] == [SITE]
            assert (await asked.balance()).received == 40 * len(DEVICES)
            assert asked.health().reasons == []
        with pytest.raises(DependencyError, match=r"worker http://127.0.0.1:\d+ does not answer"):
            await asked.balance()
        await asked._asking.crew.look()
        with pytest.raises(DependencyError, match=f"no worker answers for partition {OTHER}; worker http"):
            await asked.sites()
        assert len(await asked.device_views(SITE)) == len(DEVICES), "whose owner is there is answered for"
        one = (await asked.device_views(SITE))[0]
        assert await asked.device(SITE, one.device) == one
        assert await asked.device(SITE, "nobody") is None
        lost = [view for view in await asked.partitions(digest=False) if view.reasons]
        assert [(view.partition, view.reasons) for view in lost] == [(OTHER, ["no worker answers for it"])]
        health = asked.health()
        assert health.ready, "readings are taken without workers"
        assert f"partition {OTHER}" in health.reasons[0]
        assert asked.count_unanswered() == 1


async def test_a_partition_that_moved_is_asked_for_at_its_new_owner(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async with httpx.AsyncClient() as client, process(log, clock, forecasters, ()) as door, contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(process(log, clock, forecasters, range(PARTITIONS)))
        url = await stack.enter_async_context(served(first.app))
        async with process(log, clock, forecasters, ()) as idle, served(idle.app) as second:
            await first.settled()
            asked = remote(client, url, second, log=log, own=door.live)
            assert await asked.topology(SITE) is not None
        await stack.aclose()
        async with process(log, clock, forecasters, range(PARTITIONS)) as heir, served(heir.app, int(second.rpartition(":")[2])):
            await heir.settled()
            assert await asked.topology(SITE) is not None


async def test_what_waits_is_known_without_workers(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async with httpx.AsyncClient() as client, process(log, clock, forecasters, ()) as door:
        asked = remote(client, "http://127.0.0.1:9", log=log, own=door.live)
        assert await asked.lag() == {topics.TELEMETRY: 40, topics.COMMANDS: 1, topics.ACKS: 1}


async def test_a_worker_that_stands_still_is_not_waited_for_longer_than_said(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async def silence(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async with httpx.AsyncClient() as client, process(log, clock, forecasters, ()) as door, served(silence) as url:
        asked = remote(client, url, log=log, own=door.live, seconds=0.2)
        async with asyncio.timeout(5):
            with pytest.raises(DependencyError, match=r"no worker answers for partition .* does not answer: TimeoutError"):
                await asked.topology(SITE)


async def test_a_worker_with_access_control_wants_the_token_that_it_shares_with_doors(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    control = AccessControl(Authenticator(door_token="t" * 32))
    async with (
        process(log, clock, forecasters, range(PARTITIONS), control) as worker,
        process(log, clock, forecasters, ()) as door,
        served(worker.app) as url,
    ):
        await worker.settled()
        for token, refused in (("t" * 32, False), ("t" * 31, True), ("", True), ("ü" * 32, True)):
            headers = {"authorization": f"Bearer {token}".encode()} if token else {}
            async with httpx.AsyncClient(headers=headers) as client:
                asked = remote(client, url, log=log, own=door.live)
                if refused:
                    with pytest.raises(DependencyError, match="does not let us in"):
                        await asked.topology(SITE)
                else:
                    assert await asked.topology(SITE) is not None


async def test_what_is_no_worker_is_said_to_be_none(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async def stranger(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"short and stout"})

    async with httpx.AsyncClient() as client, process(log, clock, forecasters, ()) as door, served(stranger) as url:
        with pytest.raises(DependencyError, match="answers 418 and no more"):
            await remote(client, url, log=log, own=door.live).topology(SITE)


@pytest.mark.parametrize("text", ["worker-1:8080", "ftp://worker", "http://", "http://a/path", "http://u:p@a", "http://[::1"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"api\.workers"):
        Addresses(httpx.AsyncClient(), [text], 1.0)


async def test_a_name_stands_for_every_address_behind_it() -> None:
    async with httpx.AsyncClient() as client:
        found = await Addresses(client, ["http://localhost:81", "http://nowhere.invalid:81"], 1.0).now()
    assert "http://127.0.0.1:81" in {worker.name for worker in found}
    assert all("nowhere" not in worker.name for worker in found)


async def test_what_is_wrong_with_a_question_is_said_as_it_would_be_here(
    log: MemoryLog, clock: ManualClock, forecasters: dict[str, Forecaster]
) -> None:
    async with (
        process(log, clock, forecasters, range(PARTITIONS)) as worker,
        process(log, clock, forecasters, ()) as door,
        served(worker.app) as url,
        httpx.AsyncClient() as client,
    ):
        await worker.settled()
        configuring = RemoteConfiguring(remote(client, url, log=log, own=door.live)._asking, door.desk)
        for profile in (replace(PROFILE, interval_seconds=-1.0), replace(PROFILE, bundle="nobody/9")):
            with pytest.raises(TidegateError) as here:
                await worker.desk.preview(SITE, [profile])
            with pytest.raises(type(here.value)) as there:
                await configuring.preview(SITE, [profile])
            assert here.value.message.startswith(there.value.message[:40])
