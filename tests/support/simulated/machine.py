"""Searches the orders in which things can happen to processes that own partitions, commit, die and come back.

Hypothesis draws what happens next: input arrives, a process starts, is stopped, goes on or dies, the network or the broker
fails in one of their ways exactly when a chosen request is under way; and how far things go in between. After each of it
the judge looks; at the end all faults stop, and everything has to come right by itself.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from aiokafka import errors as kafka
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.simulated import fleet
from support.simulated.broker import Refusal
from support.simulated.coordinator import Phase
from support.simulated.judge import Judge
from support.simulated.network import Connection
from support.simulated.process import Plan, Process
from support.simulated.world import CONNECTION, World
from tidegate.contracts import topics
from tidegate.pipeline.worker import WorkerLimits
from worker_rig import CONFIGURATION

LIMITS: Final = WorkerLimits(batch_records=3, tick_seconds=8.0, snapshot_batches=3, commit_retry_seconds=1.0)
"""Small batches, frequent snapshots: much of the protocol in few steps. Ticks are rare, for they are the idle traffic."""

MOST_PROCESSES: Final = 3

STEPS_TO_A_STRIKE: Final = 100
"""More than a commit takes; a request that is not on its way by then will not be struck this time."""

RECOVERY_SECONDS: Final = 120.0
"""Within this time after the last fault all input is committed: requests time out after 8 s, transactions after 10 s."""

REFUSALS: Final[dict[str, list[Refusal]]] = {
    "init": [Refusal(kafka.CoordinatorLoadInProgressError), Refusal(kafka.NotCoordinatorError)],
    "partitions": [Refusal(kafka.NotCoordinatorError), Refusal(kafka.ConcurrentTransactions)],
    "produce": [
        Refusal(kafka.NotLeaderForPartitionError),
        Refusal(kafka.NotEnoughReplicasAfterAppendError, done=True),
        Refusal(kafka.PolicyViolationError),
        Refusal(kafka.MessageSizeTooLargeError),
    ],
    "offsets": [Refusal(kafka.CoordinatorNotAvailableError), Refusal(kafka.ConcurrentTransactions)],
    "positions": [Refusal(kafka.CoordinatorLoadInProgressError), Refusal(kafka.RequestTimedOutError, done=True)],
    "end": [Refusal(kafka.CoordinatorNotAvailableError), Refusal(kafka.NotCoordinatorError, done=True)],
    "fetch": [Refusal(kafka.NotLeaderForPartitionError)],
    "list": [Refusal(kafka.NotLeaderForPartitionError)],
    "committed": [Refusal(kafka.CoordinatorLoadInProgressError), Refusal(kafka.NotCoordinatorError)],
    "coordinator": [Refusal(kafka.CoordinatorNotAvailableError)],
}
"""What a broker may answer to each request; `done` ones do what was asked all the same."""

COMMIT: Final = ("end", "produce", "partitions", "offsets", "positions")
"""The requests of a commit; the first has most in its wake."""

TAKE_OVER: Final = ("init", "committed", "list", "fetch", "coordinator")
"""The requests of a take-over and a restore."""

FAULTS: Final = ("lose-answer", "kill", "stop", "late", "hold", "lose-request", "restart", "unreachable", "markers")
"""See `Exploration._strike`."""

PARTITIONS: Final = 2


class Exploration(RuleBasedStateMachine):
    """One world and everything that may happen in it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Plan(CONNECTION, CONFIGURATION, fleet.forecasters(), LIMITS), PARTITIONS)
        self.judges = [Judge(self.world, index) for index in range(PARTITIONS)]
        self.numbers = [0] * PARTITIONS
        self.sound = True
        self.steps = 0
        self.struck: Counter[str] = Counter()

    @initialize()
    def begin(self) -> None:
        """Sites with devices, and one process that has all partitions."""
        for partition in range(PARTITIONS):
            self.the_topology_changes(partition, tight=False)
        self.world.share_out([self.world.start()])

    @rule(partition=st.integers(0, PARTITIONS - 1), batches=st.integers(1, 3), bad=st.booleans())
    def readings_arrive(self, partition: int, batches: int, bad: bool) -> None:
        """Batches of readings, one message perhaps unreadable."""
        for _ in range(batches):
            self.numbers[partition] += 1
            site, number = fleet.site_in(partition, PARTITIONS), self.numbers[partition]
            self._send(topics.TELEMETRY, partition, fleet.readings(site, number, self.world.time.now_ms()))
        if bad:
            self._send(topics.TELEMETRY, partition, b"not json")

    @rule(partition=st.integers(0, PARTITIONS - 1), tight=st.booleans())
    def the_topology_changes(self, partition: int, tight: bool) -> None:
        """An operator's command; with too little capacity, plans follow, and come back through the log."""
        self.numbers[partition] += 1
        site = fleet.site_in(partition, PARTITIONS)
        capacity = 1500.0 if tight else 10_000.0
        self._send(topics.COMMANDS, partition, fleet.topology(site, self.numbers[partition], capacity))

    @precondition(lambda self: len(self.world.processes) < MOST_PROCESSES)
    @rule(everything=st.booleans())
    def a_process_starts(self, everything: bool) -> None:
        """The group makes room for it, or it takes everything, as one does that believes it is alone."""
        process = self.world.start()
        self.world.share_out([process] if everything else self.world.processes)

    @precondition(lambda self: self.world.processes)
    @rule(turn=st.integers(0, 1), missed=st.booleans(), heard=st.booleans())
    def the_group_shares_out(self, turn: int, missed: bool, heard: bool) -> None:
        """Among all, or without those that stand still; members hear of it together, or one by one, or late."""
        members = [process for process in self.world.processes if not (missed and process.stopped)]
        if members:
            self.world.share_out(members, turn, heard=heard)

    @precondition(lambda self: self.world.processes)
    @rule(choice=st.integers(0, MOST_PROCESSES - 1))
    def a_member_hears_of_it(self, choice: int) -> None:
        """The next piece of news reaches one member: that all is open again, or what is its own."""
        process = self._process(choice)
        process.loop.call_soon(process.member.hear)

    @rule(steps=st.integers(1, 80))
    def things_go_on(self, steps: int) -> None:
        """Nothing in particular happens for a while."""
        for _ in range(steps):
            self.world.step()

    @rule(name=st.sampled_from(COMMIT), fault=st.sampled_from(FAULTS), arrived=st.booleans(), lasts=st.booleans())
    def a_commit_is_struck(self, name: str, fault: str, arrived: bool, lasts: bool) -> None:
        """When a request `name` is next under way, or has `arrived` but is not answered, `fault` happens to it.

        One that `lasts` outlasts the patience of whoever waits for an answer.
        """
        self._strike_next(name, fault, arrived)
        if lasts:
            self.world.run_for(9.0)

    @rule(name=st.sampled_from(TAKE_OVER), fault=st.sampled_from(FAULTS), arrived=st.booleans())
    def a_take_over_is_struck(self, name: str, fault: str, arrived: bool) -> None:
        """The same for the requests of a take-over and a restore, which are also those of reading."""
        self._strike_next(name, fault, arrived)

    @rule(name=st.sampled_from(COMMIT), choice=st.integers(0, 3))
    def a_commit_is_refused(self, name: str, choice: int) -> None:
        """The broker answers the next request `name` with an error."""
        self.struck["refuse"] += 1
        self.world.broker.refuse(name, REFUSALS[name][choice % len(REFUSALS[name])])
        self.world.run_until(lambda: not self.world.broker.refuses(name), STEPS_TO_A_STRIKE)

    @rule(name=st.sampled_from(TAKE_OVER), choice=st.integers(0, 3))
    def a_take_over_is_refused(self, name: str, choice: int) -> None:
        """The same for a take-over and a restore."""
        self.a_commit_is_refused(name, choice)

    @rule(seconds=st.sampled_from([1.0, 9.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        """Long enough for requests, or for transactions, to time out."""
        self.world.run_for(seconds)

    @precondition(lambda self: self.struck)
    @rule()
    def what_was_held_moves_on(self) -> None:
        """The network and the broker recover; what was late arrives."""
        stopped = [process for process in self.world.processes if process.stopped]
        self.world.heal()
        for process in stopped:
            process.stopped = True

    @precondition(lambda self: any(process.stopped for process in self.world.processes))
    @rule()
    def a_stopped_process_goes_on(self) -> None:
        """SIGCONT, after however long."""
        next(process for process in self.world.processes if process.stopped).stopped = False

    @precondition(lambda self: self.world.processes)
    @rule(choice=st.integers(0, MOST_PROCESSES - 1), orderly=st.booleans())
    def a_process_ends(self, choice: int, orderly: bool) -> None:
        """SIGTERM or SIGKILL."""
        self.struck["terminated" if orderly else "killed"] += 1
        if orderly:
            self._process(choice).terminate()
        else:
            self.world.kill(self._process(choice))

    @invariant()
    def the_judges_agree(self) -> None:
        """Nothing is lost, doubled or out of order, now."""
        self.steps += 1
        self._look()

    def teardown(self) -> None:
        """End all faults, wait until everything is done, and judge the whole."""
        try:
            if self.sound:
                self._recover()
        finally:
            self.world.close()

    def _look(self) -> None:
        self.sound = False
        for judge in self.judges:
            judge.look()
        self.sound = True

    def _send(self, topic: str, partition: int, value: bytes) -> None:
        self.world.append(topic, partition, fleet.site_in(partition, PARTITIONS).encode(), value)

    def _process(self, choice: int) -> Process:
        return self.world.processes[choice % len(self.world.processes)]

    def _strike_next(self, name: str, fault: str, arrived: bool) -> None:
        if self.world.run_until(lambda: self.world.next_with(name) is not None, STEPS_TO_A_STRIKE):
            connection = self.world.next_with(name)
            assert connection is not None
            if arrived and not connection.answers and connection.waiting is None:
                self.world.network.deliver_on(connection)
            self._strike(fault, connection)

    def _strike(self, fault: str, connection: Connection) -> None:
        self.struck[fault] += 1
        world = self.world
        process = next((one for one in world.processes if one.loop is connection.loop), None)
        faults: dict[str, Callable[[], None]] = {
            "lose-answer": lambda: world.network.cut(connection, lose_requests=False),
            "lose-request": lambda: world.network.cut(connection, lose_requests=True),
            "unreachable": lambda: setattr(world.network, "reachable", False),
            "markers": lambda: setattr(world.network, "markers_held", True),
            "restart": world.network.stop_broker,
        }
        if fault in ("late", "hold"):
            connection.held = True
        if fault == "late":
            world.network.cut(connection, lose_requests=False)
        if fault == "kill" and process is not None:
            world.kill(process)
            world.start()
            world.share_out(world.processes)
        if fault == "stop" and process is not None:
            process.stopped = True
        if fault in faults:
            faults[fault]()

    def _recover(self) -> None:
        """Everything comes right by itself, with the states of a calm rerun; and so a successor of all finds them."""
        self.world.heal()
        self._until(self._at_rest)
        for partition, judge in enumerate(self.judges):
            judge.conclude(next(one for one in self.world.processes if one.working(partition)).digest(partition))
        for process in self.world.processes:
            process.terminate()
        self._until(lambda: not self.world.processes)
        for partition, judge in enumerate(self.judges):
            successor = self.world.start()
            successor.member.tell([partition])
            successor.member.hear_all()
            self._until(lambda one=successor, index=partition: one.working(index))
            judge.conclude(successor.digest(partition))

    def _until(self, met: Callable[[], bool]) -> None:
        """Go on until `met`, with a group that shares out as one does, and a supervisor that starts what is missing."""
        until = self.world.time.seconds + RECOVERY_SECONDS
        known: list[Process] = []
        while not met():
            assert self.world.time.seconds < until, f"not at rest {RECOVERY_SECONDS} s after the last fault"
            processes = self.world.processes
            if not processes or known != processes or any(process.member.asks for process in processes):
                if not processes:
                    self.world.start()
                self.world.share_out(processes)
                known = list(processes)
            self.world.step()
            if self.world.network.quiet():
                self._look()

    def _at_rest(self) -> bool:
        if not self.world.network.quiet() or any(judge.backlog() for judge in self.judges):
            return False
        if any(one.phase in (Phase.ONGOING, Phase.ENDING) for one in self.world.broker.coordinator.ids.values()):
            return False
        owners = self.world.processes
        worked = all(any(one.working(index) for one in owners) for index in range(PARTITIONS))
        return worked and all(one.ready() and not one.committing() for one in owners)
