"""A broker, the network and some processes on one time, taken forward one event at a time."""

from collections.abc import Callable, Sequence

from support.simulated.batches import plain
from support.simulated.broker import HOST, PORT, Broker
from support.simulated.group import share_out
from support.simulated.network import Connection, Network
from support.simulated.process import Plan, Process
from support.simulated.time import HandTime
from tidegate.adapters.kafka import KafkaConnection
from tidegate.contracts.topics import CLEANUP
from tidegate.errors import DependencyError, RecordTooLargeError, StateLostError

CONNECTION = KafkaConnection(f"{HOST}:{PORT}")


class World:
    """`step` lets exactly one thing happen: a frame arrives, a marker is written, or, when nothing can, time passes."""

    def __init__(self, plan: Plan, partitions: int = 2) -> None:
        self.plan = plan
        self.partitions = partitions
        self.time = HandTime()
        self.fenced = 0
        self.broker = Broker(self.time, tuple(CLEANUP), partitions)
        self.network = Network(self.time, self.broker)
        self.processes: list[Process] = []
        self.ends: dict[str, BaseException | None] = {}
        self.started = 0
        self.events = 0

    def start(self) -> Process:
        """Another process of the service."""
        self.started += 1
        process = Process(f"process-{self.started}", self.plan, self.time, self.network)
        self.processes.append(process)
        return process

    def share_out(self, processes: Sequence[Process], turn: int = 0, *, heard: bool = True) -> None:
        """The group gives the partitions to `processes`; they hear of it at once, or when they are let."""
        share_out([process.member for process in processes], self.partitions, turn)
        for process in processes:
            if heard:
                process.loop.call_soon(process.member.hear_all)

    def kill(self, process: Process) -> None:
        """Take a process out of the world at once."""
        self._forget(process)
        process.kill()

    def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """A record from a producer that is no business of ours."""
        self.broker.log(topic, partition).append(plain([(key, value)]), self.time.now_ms())
        self.network.ask_again()

    def step(self) -> bool:
        """Let one thing happen; False when nothing ever will."""
        self.events += 1
        self._run()
        moved = self.network.deliver() or self._pass_time()
        self._run()
        return moved

    def run_until(self, met: Callable[[], bool], steps: int) -> bool:
        """Step until `met`, at most `steps` times; whether it was."""
        for _ in range(steps):
            if met():
                return True
            if not self.step():
                break
        return met()

    def run_for(self, seconds: float) -> None:
        """Step until time has come this far."""
        end = self.time.seconds + seconds
        while self.time.seconds < end and self.step():
            pass

    def next_with(self, name: str) -> Connection | None:
        """The connection on which a request `name` would arrive next."""
        waiting = [one for one in self.network.connections if one.next_call() == name and not one.held]
        return min(waiting, key=lambda one: one.requests[0].arrival, default=None)

    def heal(self) -> None:
        """End all faults; dead processes stay dead."""
        self.network.up = self.network.reachable = True
        self.network.markers_held = False
        self.broker.forgive()
        for connection in self.network.connections:
            connection.held = False
        for process in self.processes:
            process.stopped = False

    def close(self) -> None:
        """Put all processes away."""
        while self.processes:
            self.kill(self.processes[0])

    def _forget(self, process: Process) -> None:
        self.processes.remove(process)
        self.fenced += process.fenced

    def _run(self) -> None:
        for process in list(self.processes):
            if process.stopped:
                continue
            process.loop.run_ready()
            if not process.running:
                self._bury(process)

    def _bury(self, process: Process) -> None:
        """A process has ended. Some ends are right: fenced, the broker gone during the start, a record refused."""
        self._forget(process)
        failure = self.ends[process.name] = process.failure
        self.network.cut_off(process.loop)  # a system closes what a process leaves open
        process.put_away()
        right = isinstance(failure, DependencyError | RecordTooLargeError) and not isinstance(failure, StateLostError)
        if failure is not None and not right:
            raise AssertionError(f"{process.name} ended with {failure!r}") from failure

    def _pass_time(self) -> bool:
        now = self.time.seconds
        waits = [process.loop.next_timer() for process in self.processes if not process.stopped]
        since, expiry = self.network.waiting_since(), self.broker.coordinator.next_expiry()
        waits += [None if since is None else since + 1.0 - now, None if expiry is None else expiry - now]
        known = [wait for wait in waits if wait is not None]
        if not known:
            return False
        self.time.forward(max(0.0, min(known)))
        self.broker.coordinator.expire(self.time.seconds)
        self.network.ask_again()
        return True
