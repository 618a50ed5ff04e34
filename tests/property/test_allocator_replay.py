"""What holds for every history of commands, reviews and plans: replay, epochs, one owner, capacity."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import RESOURCES, sites

from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.allocator import AllocationResult, Allocator
from tidegate.core.allocation.planner import plan
from tidegate.core.condition import Condition
from tidegate.core.demand import SiteDemand
from tidegate.errors import TidegateError

SITE = "site"
GATEWAYS = [f"g{n}" for n in range(5)]
KINDS = [
    CommandKind.DRAIN,
    CommandKind.CORDON,
    CommandKind.UNCORDON,
    CommandKind.REPLACE,
    CommandKind.DECOMMISSION,
    CommandKind.RECOMMISSION,
]
ORDERS = [kind for kind in CommandKind if kind.value.split("-")[0] in {"freeze", "thaw", "stop", "resume", "request"}]

IN_WAVES: dict[str, Any] = {"canary_moves": 1, "wave_moves": 2, "at_once_moves": 0, "wave_seconds": 1.0}
"""Every plan that may go in waves does."""


def placed(name: str) -> DevicePlacement:
    """A device that any gateway may serve, and the first one does."""
    return DevicePlacement(name, "s", gateway=GATEWAYS[0])


Event = tuple[str, Any]
tellings = st.tuples(st.frozensets(st.sampled_from(GATEWAYS), max_size=2), st.integers(0, 9))
"""What a review is told: which gateways are silent, and the demand of every device."""

events = st.one_of(
    st.tuples(st.just("topology"), sites()),
    st.tuples(st.just("gateway"), st.tuples(st.sampled_from(KINDS), st.sampled_from(GATEWAYS))),
    st.tuples(st.just("order"), st.sampled_from(ORDERS)),
    st.tuples(st.just("review"), tellings),
    st.tuples(st.just("answer"), st.none()),
    st.tuples(st.just("settle"), tellings),
    st.tuples(st.just("calm"), st.integers(1, 3)),
    st.tuples(st.just("approve"), st.booleans()),
    st.tuples(st.just("undo"), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 400])),
)
beginnings = st.builds(lambda site, told: [("topology", site), ("settle", told)], sites(), tellings)
DRAINED: list[Event] = [
    ("topology", Topology(SITE, 1, [Gateway(name, {}) for name in GATEWAYS], [placed("d0"), placed("d1"), placed("d2")])),
    ("gateway", (CommandKind.DRAIN, GATEWAYS[0])),
    ("settle", (frozenset(), 1)),
    ("approve", True),
]
"""A gateway is emptied, in two waves where they are on: the last goes after three calm seconds, and is judged after two more."""
emptyings = st.builds(lambda seconds: [*DRAINED, ("calm", seconds)], st.integers(1, 5))
histories = st.builds(lambda beginning, rest: beginning + rest, beginnings | emptyings, st.lists(events, max_size=14))
looked_at = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Run:
    """One life of an allocator; `restart` makes it forget everything but its exported state, at every event."""

    auto_approve: bool
    restart: bool = False
    waves: bool = False
    now_ms: int = 0
    events: int = 0
    facts: list[Decision | Assignment] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        allocation = AllocationSettings(auto_approve=self.auto_approve, **(IN_WAVES if self.waves else {}))
        self.configuration = CoreConfiguration({}, allocation=allocation)
        self.allocator = Allocator(self.configuration, self._listen)

    def through(self, history: list[Event]) -> "Run":
        for kind, value in history:
            self.events += 1
            if self.restart:
                exported = unpack(pack(self.allocator.export_state()), dict)
                self.allocator = Allocator.restore(self.configuration, exported, self._listen)
            try:
                self._take(getattr(self, f"_{kind}")(value))
            except TidegateError as error:
                self.refusals.append(str(error))
        return self

    def _listen(self, site: str, devices: Sequence[str]) -> list[Condition]:
        """Every device is heard all the time; one in twenty falls silent for a minute, and one has an anomaly for another."""
        minute = self.now_ms // 60_000
        turns = [(minute + int(device[1:])) % 20 for device in devices]
        return [Condition(self.now_ms, turn == 0, "odd" if turn == 1 else None, 0.9) for turn in turns]

    def _take(self, result: AllocationResult) -> None:
        self.facts += [*result.decisions, *result.assignments]

    def _command(self, kind: CommandKind, **fields: Any) -> AllocationResult:
        return self.allocator.handle(Command(f"c{self.events}", SITE, kind, **fields), self.now_ms)

    def _topology(self, site: Topology) -> AllocationResult:
        return self._command(CommandKind.SET_TOPOLOGY, topology=site)

    def _gateway(self, order: tuple[CommandKind, str]) -> AllocationResult:
        return self._command(order[0], gateway=order[1], successor=GATEWAYS[-1])

    def _order(self, kind: CommandKind) -> AllocationResult:
        return self._command(kind)

    def _review(self, told: tuple[frozenset[str], int]) -> AllocationResult:
        silent, amount = told
        self.now_ms += 1000
        devices = [f"d{n}" for n in range(14)]
        request = np.full((14, 2), float(amount))
        rows = (request, np.zeros((14, 2, 4, 7)), request, request / 2)
        demand = SiteDemand(SITE, devices, ["s"] * 14, np.full(14, self.now_ms), RESOURCES, *rows)
        return self.allocator.review(SITE, self.now_ms, demand, silent)

    def _calm(self, seconds: int) -> AllocationResult:
        """Nothing happens, and every gateway is heard."""
        for _ in range(seconds - 1):
            self._take(self._review((frozenset(), 1)))
        return self._review((frozenset(), 1))

    def _answer(self, _: None) -> AllocationResult:
        gathered = AllocationResult()
        for request in self.allocator.pending_requests():
            gathered = self._command(CommandKind.SUBMIT_PLAN, plan=plan(request))
        return gathered

    def _settle(self, told: tuple[frozenset[str], int]) -> AllocationResult:
        self._take(self._review(told))
        return self._answer(None)

    def _approve(self, honest: bool) -> AllocationResult:
        made = self.allocator.open_plan(SITE)
        if made is None:
            return AllocationResult()
        return self._command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest if honest else "other")

    def _undo(self, ago: int) -> AllocationResult:
        """Undo the plan that moved devices last, or the one `ago` before it; it may be under way."""
        made = {DecisionStatus.ROLLING_OUT, DecisionStatus.APPLIED, DecisionStatus.HALTED}
        applied = list(dict.fromkeys(fact.plan_id for fact in self.decisions() if fact.status in made))
        if len(applied) <= ago:
            return AllocationResult()
        return self._command(CommandKind.UNDO_PLAN, plan_id=applied[-1 - ago])

    def _wait(self, seconds: int) -> AllocationResult:
        self.now_ms += 1000 * seconds
        return AllocationResult()

    def assignments(self) -> list[Assignment]:
        """Those that gave or took a device; not those that only renewed a grant."""
        return [fact for fact in self.granted() if not fact.is_renewal]

    def granted(self) -> list[Assignment]:
        """All of them, renewed grants too."""
        return [fact for fact in self.facts if isinstance(fact, Assignment)]

    def decisions(self) -> list[Decision]:
        return [fact for fact in self.facts if isinstance(fact, Decision)]


@looked_at
@given(histories, st.booleans(), st.booleans())
def test_the_same_history_gives_the_same_facts_also_when_restarted_at_every_event(
    history: list[Event], auto: bool, waves: bool
) -> None:
    first, second = Run(auto, waves=waves).through(history), Run(auto, restart=True, waves=waves).through(history)
    assert second.facts == first.facts
    assert second.refusals == first.refusals
    assert second.allocator.digest() == first.allocator.digest()


@looked_at
@given(histories, st.booleans(), st.booleans())
def test_epochs_of_a_device_rise_strictly_over_its_whole_history(history: list[Event], auto: bool, waves: bool) -> None:
    last: dict[str, int] = {}
    for assignment in Run(auto, waves=waves).through(history).assignments():
        assert assignment.epoch > last.get(assignment.device, 0)
        last[assignment.device] = assignment.epoch


@looked_at
@given(histories, st.booleans(), st.booleans())
def test_a_renewed_grant_moves_nobody(history: list[Event], auto: bool, waves: bool) -> None:
    standing: dict[str, Assignment] = {}
    for fact in Run(auto, waves=waves).through(history).facts:
        if isinstance(fact, Assignment):
            before, standing[fact.device] = standing.get(fact.device), fact
            if fact.is_renewal:
                assert before is not None
                kept = replace(fact, grant=before.grant, granted_at_ms=before.granted_at_ms, reason=before.reason)
                assert kept == before
                assert fact.grant != before.grant
                assert all(amount >= 0 for amount in fact.grant.values())


@looked_at
@given(histories, st.booleans(), st.booleans())
def test_every_device_of_the_topology_has_one_assignment_to_a_gateway_that_exists(
    history: list[Event], auto: bool, waves: bool
) -> None:
    allocator = Run(auto, waves=waves).through(history).allocator
    topology = allocator.topology(SITE)
    if topology is not None:
        assignments = allocator.assignments(SITE)
        assert sorted(a.device for a in assignments) == sorted(d.id for d in topology.devices)
        assert {a.gateway for a in assignments} <= {g.id for g in topology.gateways} | {None}


@looked_at
@given(histories, st.booleans(), st.booleans())
def test_what_is_applied_is_exactly_what_was_proposed(history: list[Event], auto: bool, waves: bool) -> None:
    run = Run(auto, waves=waves).through(history)
    proposed = {d.plan_id: d.plan for d in run.decisions() if d.plan is not None}
    approved = [d.plan_id for d in run.decisions() if d.status is DecisionStatus.APPROVED]
    applied = {d.plan_id for d in run.decisions() if d.status is DecisionStatus.APPLIED}
    moved: dict[str, list[tuple[object, ...]]] = {plan_id: [] for plan_id in approved}
    for a in run.assignments():
        if a.plan_id is not None:
            moved[a.plan_id].append((a.device, a.gateway, a.epoch, a.grant))
    for plan_id, made in moved.items():
        allowed = [(m.device, m.target, m.epoch + 1, m.grant) for m in proposed[plan_id].moves]
        assert all(each in allowed for each in made)
        assert len(made) == len({device for device, *_ in made})
        if plan_id in applied:
            assert made == allowed if not waves else len(made) == len(allowed)
    assert len(approved) == len(set(approved))


@looked_at
@given(histories, st.booleans())
def test_the_facts_of_a_plan_in_waves_count_what_it_moved(history: list[Event], auto: bool) -> None:
    run = Run(auto, waves=True).through(history)
    moved: dict[str, int] = {}
    for fact in run.assignments():
        if fact.plan_id is not None:
            moved[fact.plan_id] = moved.get(fact.plan_id, 0) + 1
    last = {fact.plan_id: fact for fact in run.decisions() if fact.progress is not None}
    for plan_id, fact in last.items():
        assert fact.progress is not None
        assert fact.progress.moved == moved[plan_id] <= fact.move_count
        if fact.status is not DecisionStatus.HALTED:
            assert (fact.progress.moved == fact.move_count) == (fact.progress.wave == fact.progress.waves)
        assert fact.progress.moved == fact.move_count or fact.status is not DecisionStatus.APPLIED


@looked_at
@given(histories, st.booleans(), st.booleans())
def test_versions_of_a_plans_decisions_rise_by_one_and_end_once(history: list[Event], auto: bool, waves: bool) -> None:
    lives: dict[str, list[Decision]] = {}
    for decision in Run(auto, waves=waves).through(history).decisions():
        lives.setdefault(decision.plan_id, []).append(decision)
    closed = {DecisionStatus.APPLIED, DecisionStatus.REFUSED, DecisionStatus.EXPIRED, DecisionStatus.HALTED}
    for life in lives.values():
        while life[-1].status is DecisionStatus.UNDONE:
            assert life.pop().version == len(life) + 1
            assert life[-1].status in {DecisionStatus.APPLIED, DecisionStatus.HALTED, DecisionStatus.UNDONE}
        assert [decision.version for decision in life] == list(range(1, len(life) + 1))
        assert all(decision.status not in closed for decision in life[:-1])


@looked_at
@given(histories, st.booleans(), st.booleans(), st.integers(0, 2))
def test_an_undo_puts_every_device_back_where_it_was_or_says_why_not(
    history: list[Event], auto: bool, waves: bool, ago: int
) -> None:
    run = Run(auto, waves=waves).through(history)
    before, granted, known = run.assignments(), run.granted(), len(run.facts)
    run.through([("undo", ago)])
    made = next((fact.plan for fact in run.decisions()[-4:] if fact.plan is not None and fact.plan.undoes is not None), None)
    if made is None or len(run.facts) == known:
        return
    undone = [fact for fact in before if fact.plan_id == made.undoes]
    returned, kept = {move.device for move in made.moves}, {each.device for each in made.kept}
    assert not returned & kept
    already = {
        move.device for fact in run.decisions() if fact.plan and fact.plan.undoes == made.undoes for move in fact.plan.moves
    }
    assert {fact.device for fact in undone} <= returned | kept | already
    now = {assignment.device: assignment for assignment in run.allocator.assignments(SITE)}
    if any(fact.plan_id == made.id and fact.status is DecisionStatus.APPLIED for fact in run.decisions()):
        for fact in undone:
            if fact.device in returned:
                former = [each for each in granted if each.device == fact.device and each.epoch < fact.epoch][-1]
                here = now[fact.device]
                assert (here.gateway, here.grant, here.epoch) == (former.gateway, former.grant, fact.epoch + 1)
