"""What Hypothesis draws: which of everything that can happen to a hand-over happens next."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.handing.world import DEVICES, GATEWAYS, JUMP_MS, World
from tidegate.contracts.ack import AckKind
from tidegate.contracts.command import CommandKind

gateways = st.sampled_from(GATEWAYS)
pauses_ms = st.sampled_from([0, 1, 500, 1000, 5000, 20_000, 59_000, 61_000, 64_000, 66_000, 200_000])
ORDERS = (CommandKind.DRAIN, CommandKind.CORDON, CommandKind.UNCORDON)
HALTS = (CommandKind.STOP_ALLOCATION, CommandKind.RESUME_ALLOCATION, CommandKind.FREEZE, CommandKind.THAW)


class Exploration(RuleBasedStateMachine):
    """Lost, repeated and reordered words, silence on either side, restarts in every phase, clocks that are wrong: never two."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.steps = 0

    @initialize(random_state=st.integers(0, 1 << 16))
    def begin(self, random_state: int) -> None:
        """A site whose devices are served."""
        self.world = World(random_state)
        self.settle()
        self.settle()

    @rule(seconds=st.integers(1, 5))
    def go_well(self, seconds: int) -> None:
        """Nothing happens for a while but what should."""
        for _ in range(seconds):
            self.settle()

    @rule(gateway=gateways)
    def empty(self, gateway: str) -> None:
        """An operator empties a gateway and opens the others, and the plan for it is carried out."""
        for name in GATEWAYS:
            self.world.command(CommandKind.DRAIN if name == gateway else CommandKind.UNCORDON, gateway=name)
        self.world.commit()
        for _ in range(2):
            self.world.step()
            self.world.commit()

    def settle(self, without: str = "", lasts_ms: int = 1000) -> None:
        """Everything goes well for a while: every agent speaks and is heard, the worker works, every agent reads."""
        world = self.world
        connected = [name for name in GATEWAYS if name != without]
        for name in connected:
            world.speak(name)
        while world.in_flight:
            world.deliver(0)
        world.commit()
        world.step()
        world.commit()
        world.now_ms += lasts_ms
        for name in connected:
            world.ask(name)
            world.answer(name)

    @rule(pause=pauses_ms)
    def wait(self, pause: int) -> None:
        """Time passes, and nothing else."""
        self.world.now_ms += pause

    @rule(jump=st.integers(-JUMP_MS, JUMP_MS))
    def jump(self, jump: int) -> None:
        """The worker's clock is set."""
        self.world.jump_ms = jump

    @rule(committed=st.booleans())
    def work(self, committed: bool) -> None:
        """The worker takes a batch, and commits it or is still at it."""
        self.world.step()
        if committed:
            self.world.commit()

    @rule(pause=pauses_ms, heard=st.booleans())
    def commit_slowly(self, pause: int, heard: bool, last_asks: str = "") -> None:
        """A batch is long in being committed, and everybody reads meanwhile."""
        for name in GATEWAYS if heard else ():
            self.world.speak(name)
        while heard and self.world.in_flight:
            self.world.deliver(0)
        self.world.step()
        self.world.now_ms += pause
        for name in GATEWAYS:
            self.world.ask(name, looked_up=True)
            if name != last_asks:
                self.world.answer(name)
        self.world.commit()

    @rule(gateway=gateways, rounds=st.integers(1, 25))
    def go_on_without(self, gateway: str, rounds: int) -> None:
        """A gateway is cut off, and for the others all goes well."""
        for _ in range(rounds):
            self.settle(without=gateway, lasts_ms=4000)

    @rule(gateway=gateways, pause=pauses_ms, late=st.integers(0, 10))
    def cut_off_while_emptied(self, gateway: str, pause: int, late: int) -> None:
        """A gateway reads for the last time just before it is told to let go, and has the answer at once or later."""
        self.empty(gateway)
        self.settle()
        self.commit_slowly(pause, heard=True, last_asks=gateway)
        self.go_on_without(gateway, late)
        self.world.answer(gateway)
        self.go_on_without(gateway, 18 - late)

    @rule(committed=st.booleans())
    def restart(self, committed: bool) -> None:
        """The worker is killed, and another takes over."""
        self.world.restart(committed=committed)

    @rule(gateway=gateways, looked_up=st.booleans())
    def ask(self, gateway: str, looked_up: bool) -> None:
        """An agent asks, and its answer takes its time."""
        self.world.ask(gateway, looked_up=looked_up)

    @rule(gateway=gateways)
    def answer(self, gateway: str) -> None:
        """The answer arrives."""
        self.world.answer(gateway)

    @rule(gateway=gateways)
    def speak(self, gateway: str) -> None:
        """An agent says what it has to say."""
        self.world.speak(gateway)

    @rule(index=st.integers(0, 30), again=st.booleans())
    def deliver(self, index: int, again: bool) -> None:
        """A word arrives, in whatever order, perhaps not for the last time."""
        self.world.deliver(index, again=again)

    @rule()
    def lose(self) -> None:
        """Everything that is on its way is lost."""
        self.world.in_flight.clear()

    @rule(gateway=gateways)
    def reboot(self, gateway: str) -> None:
        """An agent starts anew."""
        self.world.reboot(gateway)

    @rule(silent=st.frozensets(gateways, max_size=1))
    def fall_silent(self, silent: frozenset[str]) -> None:
        """The devices of a gateway are silent, whatever its agent is doing; or they are back."""
        self.world.silent = silent

    @rule(kind=st.sampled_from(ORDERS), gateway=gateways)
    def order(self, kind: CommandKind, gateway: str) -> None:
        """An operator empties a gateway, or opens it again."""
        self.world.command(kind, gateway=gateway)

    @rule(kind=st.sampled_from(HALTS))
    def halt(self, kind: CommandKind) -> None:
        """Somebody stops everything, or lets it go on."""
        self.world.command(kind)

    @rule(without=st.sampled_from(["", *DEVICES]), gateway=st.sampled_from(["", "", *GATEWAYS]))
    def change(self, without: str, gateway: str) -> None:
        """Another topology: a device or a gateway is gone, or back."""
        self.world.command(CommandKind.SET_TOPOLOGY, topology=self.world.topology(without, gateway))

    @rule(ago=st.integers(0, 3))
    def undo(self, ago: int) -> None:
        """A plan is undone that was applied, or halted, or is under way."""
        if len(self.world.applied) > ago:
            self.world.command(CommandKind.UNDO_PLAN, plan_id=self.world.applied[-1 - ago])

    @rule(gateway=st.sampled_from(["stranger", *GATEWAYS]), kind=st.sampled_from(AckKind), device=st.sampled_from(DEVICES))
    def intrude(self, gateway: str, kind: AckKind, device: str) -> None:
        """Somebody says something about an epoch that was never given out."""
        self.world.intrude(gateway, kind, device, 1_000_000)

    @invariant()
    def never_two_owners(self) -> None:
        """The guarantee."""
        self.steps += 1
        self.world.judge()
