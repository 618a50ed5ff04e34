"""One process of the service, as far as it touches the log: it opens it, works the partitions it is given, ends as it would."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from support.simulated.group import Member
from support.simulated.network import Network
from support.simulated.time import HandLoop, HandTime
from tidegate.adapters.kafka import KafkaConnection, KafkaLog
from tidegate.adapters.memory import NullMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Partition
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.pipeline.workers import Workers


@dataclass(frozen=True, slots=True)
class Plan:
    """What every process is started with."""

    connection: KafkaConnection
    configuration: CoreConfiguration
    forecasters: Mapping[str, Forecaster]
    limits: WorkerLimits


class Process:
    """Runs from its making until it ends or is killed. While `stopped` (SIGSTOP) it does nothing, but the world goes on."""

    def __init__(self, name: str, plan: Plan, time: HandTime, network: Network) -> None:
        self.name = name
        self.stopped = False
        self.member = Member()
        self._plan = plan
        self._time = time
        self._network = network
        self._asked_to_stop = asyncio.Event()
        self._log: KafkaLog | None = None
        self._workers: Workers | None = None
        self.fenced = 0
        self.loop = HandLoop(time, network.connect)
        self._main = self.loop.create_task(self._serve())

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return not self._main.done()

    @property
    def failure(self) -> BaseException | None:
        """What it ended with; None after an orderly stop, and while it runs."""
        return self._main.exception() if self._main.done() and not self._main.cancelled() else None

    def terminate(self) -> None:
        """SIGTERM: finish the batch, leave a snapshot, end."""
        self.loop.call_soon(self._asked_to_stop.set)

    def kill(self) -> None:
        """SIGKILL: the world hears nothing more of it, whatever its tasks still try."""
        self._network.cut_off(self.loop)
        self.loop.leave()
        self._main.cancel()
        self.put_away()

    def put_away(self) -> None:
        """Close the loop of a process that has ended or is dead."""
        self.loop.leave()
        while not self._main.done():
            self._turn()
        leftover = asyncio.all_tasks(self.loop)
        for task in leftover:
            task.cancel()
        while not all(task.done() for task in leftover):
            self._turn()
        self.loop.run_ready()
        self.loop.close()

    def ready(self) -> bool:
        """True when every partition it was given is restored and nothing holds it up."""
        return self._workers is not None and not self._workers.not_ready()

    def working(self, partition: int) -> bool:
        """True when the partition is restored here."""
        return self._workers is not None and partition in self._workers.working and not self._workers.held_up(partition)

    def committing(self) -> bool:
        """True while a commit or a take-over is under way, also while it waits to ask again."""
        return self._log is not None and any(owner._turn.locked() for owner in self._log._owners)

    def digest(self, partition: int) -> str:
        """The state's digest, as a look at it from outside would find it."""
        assert self._workers is not None
        task = self.loop.create_task(self._workers.working[partition].call(Partition.digest))
        self.loop.run_ready()
        return task.result()

    def _turn(self) -> None:
        self.loop.run_ready()
        self.loop.pass_time()

    async def _serve(self) -> None:
        log = self._log = await KafkaLog.open(self._plan.connection, clock=self._time)
        try:
            plan, metrics = self._plan, _Fences(self)
            ports = WorkerPorts(log, InlinePlanner(), self._time, metrics, plan.forecasters)
            make = partial(PartitionWorker, ports=ports, configuration=plan.configuration, limits=plan.limits)
            self._workers = Workers(log, self.member, metrics, make)
            await self._workers.run(self._asked_to_stop)
        finally:
            await log.close()


class _Fences(NullMetrics):
    """Counts how often a process learnt that it had been replaced."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def fenced(self) -> None:
        self._process.fenced += 1
