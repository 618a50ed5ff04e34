"""A worker on a log, driven by hand: what the tests of the pipeline share. Real core, real bundle, real planner code."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tidegate.adapters.bundles import shipped_bundles
from tidegate.adapters.memory import ManualClock, NullMetrics
from tidegate.adapters.onnx import load_bundle
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, MetricName, ProfileName, SiteId
from tidegate.contracts.profile import AlarmPolicy, DemandMapping, DemandTerm, Metric, Profile
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.classifier import Model
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Partition
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.ports import Log, Outgoing, Record

SITE = SiteId("plant")
PROFILE = Profile(
    name=ProfileName("probe"),
    interval_seconds=1.0,
    metrics={MetricName("load"): Metric(unit="1", low=-1e6, high=1e6)},
    alarm=AlarmPolicy(alerts_per_device_day=100.0),  # at a reading a second, one in about a thousand
    demand={"cpu_millicores": DemandMapping(10.0, [DemandTerm(MetricName("load"), 1.0)])},
)
CONFIGURATION = CoreConfiguration(profiles={"probe": PROFILE})
LIMITS = WorkerLimits(tick_seconds=0.5, commit_retry_seconds=0.001)
GATEWAYS = ("gw-a", "gw-b", "gw-c")
DEVICES = tuple(f"dev-{number:02}" for number in range(12))


def universal() -> dict[str, Forecaster]:
    """The shipped bundle."""
    return {"universal": load_bundle(shipped_bundles() / "universal" / "1")}


def topology(revision: int = 1, capacity: float = 10_000.0) -> Command:
    """A command that spreads the devices over the gateways."""
    devices = [
        DevicePlacement(DeviceId(name), PROFILE.name, gateway=GatewayId(GATEWAYS[number % len(GATEWAYS)]))
        for number, name in enumerate(DEVICES)
    ]
    gateways = [Gateway(GatewayId(name), {"cpu_millicores": capacity}) for name in GATEWAYS]
    plan = Topology(SITE, revision, gateways, devices)
    return Command(CommandId(f"topology-{revision}"), SITE, CommandKind.SET_TOPOLOGY, "test", topology=plan)


def readings(second: int, *, start_ms: int, silent: str | None = None, spike: str | None = None) -> ReadingBatch:
    """One reading of every device at `second`, a smooth wave each; those of gateway `silent` missing, `spike` far off."""
    rows = []
    for number, name in enumerate(DEVICES):
        if GATEWAYS[number % len(GATEWAYS)] == silent:
            continue
        value = 100.0 + 5 * ((second + number) % 10) + (5000.0 if name == spike else 0.0)
        metrics: dict[MetricName, float | None] = {MetricName("load"): value}
        rows.append(Reading(SITE, DeviceId(name), PROFILE.name, start_ms + second * 1000, metrics))
    return ReadingBatch(SITE, rows)


def heartbeat(gateway: str, sent_at_ms: int) -> Ack:
    """A gateway's sign of life."""
    return Ack(SITE, GatewayId(gateway), AckKind.HEARTBEAT, sent_at_ms)


def word(kind: AckKind, gateway: str, device: str, epoch: int, sent_at_ms: int) -> Ack:
    """What a gateway says about one of its devices."""
    return Ack(SITE, GatewayId(gateway), kind, sent_at_ms, DeviceId(device), epoch)


@dataclass
class Rig:
    """A log, a clock and the worker of the moment."""

    log: Log
    clock: ManualClock
    forecasters: dict[str, Forecaster] | dict[str, Model]
    limits: WorkerLimits = LIMITS
    configuration: CoreConfiguration = CONFIGURATION
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    worker: PartitionWorker | None = None
    task: "asyncio.Task[None] | None" = None

    def start(self) -> None:
        """Start a worker on what the log holds."""
        ports = WorkerPorts(self.log, InlinePlanner(), self.clock, NullMetrics(), self.forecasters)
        self.stop = asyncio.Event()
        self.worker = PartitionWorker(0, ports, self.configuration, self.limits)
        self.task = asyncio.create_task(self.worker.run(self.stop))

    async def send(self, *messages: ReadingBatch | Command | Ack) -> None:
        """Append messages to the topics they belong on."""
        await self.log.append([_outgoing(message) for message in messages])

    async def send_raw(self, *values: bytes, topic: str = topics.TELEMETRY) -> None:
        """Append bytes to an input topic."""
        await self.log.append([Outgoing(topic, 0, b"plant", value) for value in values])

    async def drained(self, seconds: float = 30.0) -> None:
        """Wait until the worker has committed everything there is, plans included."""
        assert self.worker is not None
        assert self.task is not None
        async with asyncio.timeout(seconds):
            quiet = 0
            while quiet < 3:
                if self.task.done():
                    await self.task
                lag = await self.worker.lag() if self.worker.progress.not_ready() == [] else {"restoring": 1}
                quiet = quiet + 1 if not any(lag.values()) else 0
                await asyncio.sleep(0.001)

    async def finish(self) -> None:
        """Stop in order, with a last snapshot."""
        assert self.task is not None
        self.stop.set()
        await self.task

    async def kill(self) -> None:
        """Stop at once, wherever it is; nothing more is written."""
        assert self.task is not None
        while not self.task.done():  # asyncio.wait_for of 3.11 loses a cancellation that meets a wake-up
            self.task.cancel()
            await asyncio.wait([self.task], timeout=1.0)
        with suppress(asyncio.CancelledError):
            await self.task

    async def digest(self) -> str:
        """The state's digest."""
        assert self.worker is not None
        return await self.worker.call(Partition.digest)

    async def look(self) -> Partition:
        """The state itself; only to be read, and only while the worker waits."""
        assert self.worker is not None
        return await self.worker.call(lambda partition: partition)

    async def facts(self, *names: str) -> list[Record]:
        """Everything on the named topics."""
        found: list[Record] = []
        for name in names:
            found += await self.log.read(name, 0, 0, max_records=100_000, max_bytes=1 << 30)
        return found


def with_limits(rig: Rig, **changes: float) -> Rig:
    """`rig` with other worker limits."""
    rig.limits = replace(rig.limits, **changes)  # type: ignore[arg-type]  # the fields are numbers
    return rig


def values(records: Sequence[Record]) -> list[bytes]:
    """What the records say, without where they stand."""
    return [record.value or b"" for record in records]


def _outgoing(message: ReadingBatch | Command | Ack) -> Outgoing:
    topic = {ReadingBatch: topics.TELEMETRY, Command: topics.COMMANDS, Ack: topics.ACKS}[type(message)]
    return Outgoing(topic, 0, message.site.encode(), encode(message))
