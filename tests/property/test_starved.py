"""Devices that are given less than they need keep their claim and get it when there is room; all others are as they were."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.arrays import Float64
from tidegate.core.allocation.censoring import RELEASED_AFTER, judged, nothing_censored
from tidegate.core.allocation.censoring_state import export_censoring, restore_censoring
from tidegate.core.allocation.frame import frame_of
from tidegate.core.allocation.granted import Granted
from tidegate.core.allocation.ground import Heard
from tidegate.core.allocation.planner import plan
from tidegate.core.demand import SiteDemand

SITE, CPU = "site", "cpu_millicores"
CALM = AllocationSettings(cooldown_seconds=0.0, period_seconds=1.0)


def max_min(wants: Float64, weights: Float64, capacity: float) -> Float64:
    """The weighted max-min fair share of `capacity`: whoever wants less than its part gets what it wants, the others the rest."""
    given, left = np.zeros_like(wants), capacity
    for index in np.argsort(wants / weights, kind="stable"):
        waiting = (wants / weights) >= (wants / weights)[index]
        waiting &= given == 0.0
        given[index] = min(wants[index], left * weights[index] / weights[waiting].sum())
        left -= given[index]
    return given


@dataclass
class Fleet:
    """Devices on g0, which shares out fairly what it has, and a second gateway; forecasts believe what is used."""

    wants: Float64
    weights: Float64
    capacity: float
    now_ms: int = 0
    said: list[Decision | Assignment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = [f"d{n}" for n in range(len(self.wants))]
        self.allocator = Allocator(CoreConfiguration({}, allocation=CALM))
        pairs = zip(self.names, self.weights.tolist(), strict=True)
        devices = [DevicePlacement(name, "s", gateway="g0", priority=weight) for name, weight in pairs]
        gateways = [Gateway("g0", {CPU: self.capacity}), Gateway("g1", {CPU: float(self.wants.sum())})]
        self.command(CommandKind.SET_TOPOLOGY, topology=Topology(SITE, 1, gateways, devices))

    def command(self, kind: CommandKind, **fields: Any) -> None:
        self.now_ms += 1
        result = self.allocator.handle(Command(f"c{self.now_ms}", SITE, kind, **fields), self.now_ms)
        self.said += [*result.decisions, *result.assignments]

    def look(self, used: Float64, asks: Float64) -> Float64:
        """A review after a new sample, and the plan that comes of it; returns the claims."""
        self.now_ms += 2000
        column, stamps = used.reshape(-1, 1), np.full(len(used), self.now_ms, np.int64)
        rows = (column, np.zeros((len(used), 1, 4, 7)), asks.reshape(-1, 1), column)
        told = SiteDemand(SITE, self.names, ["s"] * len(used), stamps, [CPU], *rows)
        result = self.allocator.review(SITE, self.now_ms, told, frozenset())
        self.said += [*result.decisions, *result.assignments]
        for request in self.allocator.pending_requests():
            self.command(CommandKind.SUBMIT_PLAN, plan=plan(request))
        return self.claims()

    def claims(self) -> Float64:
        request = self.allocator.view(SITE, self.now_ms).request
        assert request is not None
        return np.array(request.situation.demand)[:, request.situation.resources.index(CPU)]

    def given(self) -> Float64:
        """What the devices get: on g0 their fair share, on g1, which has room for all, what they want."""
        at_g0 = np.array([self.allocator.gateway_of(SITE, name) == "g0" for name in self.names])
        shares = self.wants.copy()
        shares[at_g0] = max_min(self.wants[at_g0], self.weights[at_g0], self.capacity)
        return shares


@st.composite
def starved_fleets(draw: st.DrawFn) -> Fleet:
    count = draw(st.integers(2, 8))
    wants = np.array([float(draw(st.integers(2, 40))) for _ in range(count)])
    weights = np.array([draw(st.sampled_from([0.5, 1.0, 2.0])) for _ in range(count)])
    return Fleet(wants, weights, float(wants.sum()) * draw(st.sampled_from([0.3, 0.6, 0.9])))


@settings(max_examples=60, deadline=None)
@given(starved_fleets(), st.integers(1, 30), st.booleans())
def test_a_starved_device_keeps_its_claim_and_gets_it_when_there_is_room_again(fleet: Fleet, times: int, restarts: bool) -> None:
    fleet.command(CommandKind.CORDON, gateway="g1")
    fleet.look(fleet.wants / 10, fleet.wants)
    for _ in range(times):
        given = fleet.given()
        assert (given < fleet.wants).any()
        assert (fleet.look(given, given) == fleet.wants).all(), "what it gets does not make it modest"
        if restarts:
            exported = unpack(pack(fleet.allocator.export_state()), dict)
            fleet.allocator = Allocator.restore(CoreConfiguration({}, allocation=CALM), exported)
    fleet.command(CommandKind.UNCORDON, gateway="g1")
    for _ in range(len(fleet.wants) + RELEASED_AFTER):
        fleet.look(fleet.given(), fleet.given())
    assert (fleet.given() == fleet.wants).all(), "everybody has what it wanted all the time"
    for assignment in fleet.allocator.assignments(SITE):
        if assignment.gateway == "g1":
            assert assignment.grant[CPU] >= fleet.wants[fleet.names.index(assignment.device)]
    used = fleet.wants * 0.9
    for _ in range(RELEASED_AFTER):
        claims = fleet.look(used, used)
    assert (claims == used).all(), "and nothing of it is remembered"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_where_nothing_is_short_nobody_asks_plans_or_says_anything_else(data: st.DataObject) -> None:
    """Two sites that hear the same, one of which hears no samples and so cannot know of any bound."""
    count = data.draw(st.integers(1, 8))
    amounts = st.lists(st.integers(2, 40), min_size=count, max_size=count)
    history = [np.array(data.draw(amounts), np.float64) for _ in range(data.draw(st.integers(1, 12)))]
    least, most = np.min(history, axis=0), np.max(history, axis=0)
    orders = [data.draw(st.sampled_from([None, CommandKind.DRAIN, CommandKind.UNCORDON])) for _ in history]
    knowing, unknowing = (Fleet(most, np.ones(count), 2.0 * float(most.sum())) for _ in range(2))
    for asks, order in zip(history, orders, strict=True):
        used = data.draw(st.floats(0.0, 0.4)) * least
        for fleet, sample in ((knowing, used), (unknowing, np.full(count, np.nan))):
            if order is not None:
                fleet.command(order, gateway="g0")
            assert (fleet.look(sample, asks) == asks).all()
        assert pack(knowing.allocator.pending_requests()) == pack(unknowing.allocator.pending_requests())
    assert pack(knowing.said) == pack(unknowing.said)
    assert knowing.allocator.censored_devices() == 0


AMOUNTS = [0.0, 0.5, 1.0, 1.005, 4.0, 100.0, 1e18]
FRAME = frame_of(
    Topology(
        SITE, 1, [Gateway("g0", {"r": 1.0}), Gateway("g1", {"r": 0.0, "s": 4.0})], [DevicePlacement(f"d{n}", "s") for n in "abc"]
    ),
    ["r", "s"],
)
CELLS = st.lists(st.sampled_from(AMOUNTS), min_size=6, max_size=6).map(lambda found: np.array(found).reshape(3, 2))
FLAGS = st.lists(st.booleans(), min_size=6, max_size=6).map(lambda found: np.array(found).reshape(3, 2))
PLACES = st.lists(st.integers(-1, 1), min_size=3, max_size=3).map(lambda found: np.array(found, np.int64))
STEPS = st.lists(st.tuples(CELLS, CELLS, FLAGS, PLACES, PLACES, CELLS), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_is_heard_no_claim_is_less_than_demand_or_more_than_ever_was_demanded(steps: list[tuple[Any, ...]]) -> None:
    censoring, asked, most = nothing_censored(FRAME), np.zeros((3, 2)), np.zeros((3, 2))
    stamps, free = np.zeros(3, np.int64), np.zeros((3, 2), int)
    for demand, used, measured, gateway, newer, amount in steps:
        stamps = stamps + np.abs(newer)
        heard = Heard(demand, np.where(measured, used, demand), measured, stamps)
        fresh = measured & (stamps != censoring.sampled_ms)[:, None]
        epochs = censoring.epoch + (gateway < 0)
        after = judged(censoring, heard, Granted(gateway, epochs, amount, gateway >= 0), FRAME.capacity, asked)
        most = np.maximum(most, demand)
        claims = after.claims(demand)
        assert (claims >= demand).all()
        assert (claims <= most).all()
        assert not (after.censored & ~measured).any()
        at_bound = after.censored | (after.sure == 1)
        free = np.where(at_bound, 0, free + fresh)
        assert (claims == demand)[(free >= RELEASED_AFTER) | ~measured].all()
        back = restore_censoring(unpack(pack(export_censoring(after)), type(export_censoring(after))), FRAME)
        assert pack(export_censoring(back)) == pack(export_censoring(after))
        censoring, asked = back, claims
