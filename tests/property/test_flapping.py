"""Suspicion and flapping, on random sites and histories: what is withheld is bounded, costs nobody service, and moves are few."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_sites import RESOURCES, requests, rescaled

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.allocator import AllocationResult, Allocator
from tidegate.core.allocation.goals import ABOVE_SUSPICION, compare
from tidegate.core.allocation.model import PlanRequest, Suspect
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.suspicion import RAMP_MS, moved_on, withheld_shares
from tidegate.core.demand import SiteDemand

looked_at = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
histories_looked_at = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
shares = st.dictionaries(st.sampled_from([f"g{n}" for n in range(5)]), st.sampled_from([0.1, 0.5, 1.0]), min_size=1)
COOLDOWN, MEMORY, STEP = 900, 3600, 300
LOOKS = 2
"""Reviews in each step."""


def suspecting(request: PlanRequest, withheld: dict[str, float]) -> PlanRequest:
    suspects = [Suspect(name, share, "suspect") for name, share in withheld.items()]
    return replace(request, situation=replace(request.situation, suspects=suspects))


@looked_at
@given(requests(), shares)
def test_suspicion_costs_nobody_service_a_proper_place_or_an_overload(request: PlanRequest, withheld: dict[str, float]) -> None:
    with_it, without = plan(suspecting(request, withheld)), plan(request)
    verdict = compare(with_it.after, without.after)
    assert with_it.before == without.before, "no goal sees suspicion"
    assert not (verdict.gain > 0 and verdict.goal in ABOVE_SUSPICION)


@looked_at
@given(requests(), shares)
def test_what_is_withheld_is_given_only_for_what_ranks_above_suspicion(request: PlanRequest, withheld: dict[str, float]) -> None:
    made = plan(suspecting(request, withheld))
    if any(goal.gain(made.before, made.after) != 0.0 for goal in ABOVE_SUSPICION):
        return
    demand = dict(zip((d.id for d in request.topology.devices), request.situation.demand, strict=True))
    where = dict(zip((d.id for d in request.topology.devices), request.situation.assigned, strict=True))
    for move in made.moves:
        where[move.device] = move.target
        load = np.sum([demand[name] for name, at in where.items() if at == move.target], axis=0)
        (target,) = (each for each in request.topology.gateways if each.id == move.target)
        room = np.array([target.capacity.get(name, np.inf) for name in RESOURCES])
        room = np.where(np.isfinite(room), room * (1.0 - withheld.get(target.id, 0.0)), room)
        assert (load <= room * (1 + 1e-9)).all()


@looked_at
@given(requests(), shares, st.sampled_from(RESOURCES), st.sampled_from([1 / 1024, 1e6]))
def test_telling_a_resource_in_another_unit_changes_no_move_past_suspects(
    request: PlanRequest, withheld: dict[str, float], resource: str, factor: float
) -> None:
    made, other = plan(suspecting(request, withheld)), plan(suspecting(rescaled(request, resource, factor), withheld))
    assert [(m.device, m.target) for m in other.moves] == [(m.device, m.target) for m in made.moves]


amounts = st.one_of(st.just(0.0), st.just(np.inf), st.floats(1e-3, 1e9))
sites_of_suspects = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        st.lists(st.floats(0.0, 1.0, allow_subnormal=False), min_size=count, max_size=count),
        st.lists(st.lists(amounts, min_size=2, max_size=2), min_size=count, max_size=count),
    )
)


@given(sites_of_suspects, st.sampled_from([0.0, 0.01, 0.1]), st.sampled_from([1 / 1024, 1024.0]))
def test_never_more_is_withheld_than_the_share_of_the_site_in_any_unit(
    site: tuple[list[float], list[list[float]]], most: float, factor: float
) -> None:
    level, capacity = np.array(site[0]), np.array(site[1])
    found = withheld_shares(level, capacity, most)
    limited = np.where(np.isfinite(capacity), capacity, 0.0)
    assert ((found[:, None] * limited).sum(axis=0) <= most * limited.sum(axis=0) * (1 + 1e-9)).all()
    assert ((found >= 0) & (found <= level)).all()
    assert withheld_shares(level, capacity * np.array([factor, 1.0]), most) == pytest.approx(found)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 90_000)), max_size=40))
def test_suspicion_never_jumps_and_decays_to_nothing(steps: list[tuple[float, int]]) -> None:
    level = 0.0
    for towards, step_ms in steps:
        after = moved_on(level, towards, step_ms)
        assert abs(after - level) <= step_ms / RAMP_MS + 1e-12
        assert 0.0 <= after <= 1.0
        level = after
    for _ in range(11):
        level = moved_on(level, 0.0, RAMP_MS // 10)
    assert level == 0.0


class Life:
    """A site of three gateways and six devices to which g0 is far the best, in steps of five minutes; counts moves."""

    def __init__(self) -> None:
        reach = [Link("g0", 1.0), Link("g1", 50.0, 1.0), Link("g2", 50.0, 1.0)]
        devices = [DevicePlacement(f"d{n}", "s", reach, "g0", latency_limit_ms=20.0) for n in range(6)]
        gateways = [Gateway(f"g{n}", {"cpu_millicores": 60.0}) for n in range(3)]
        self.allocator = Allocator(CoreConfiguration({}, allocation=AllocationSettings(cooldown_seconds=COOLDOWN)))
        self.now_ms, self.commands = 0, 0
        self.arrivals: Counter[tuple[str, str | None]] = Counter()
        self.moves: dict[str, list[int]] = {device.id: [] for device in devices}
        self.withheld: list[float] = []
        self._command(CommandKind.SET_TOPOLOGY, topology=Topology("site", 1, gateways, devices))

    def look(self, *silent: str, demand: list[int]) -> None:
        """The reviews of one step and the plans that come of them."""
        request = np.array([demand], np.float64).T
        rows = (request, np.zeros((6, 1, 4, 7)), request, np.full_like(request, np.nan))
        told = SiteDemand("site", [f"d{n}" for n in range(6)], ["s"] * 6, np.zeros(6, np.int64), ["cpu_millicores"], *rows)
        for _ in range(LOOKS):
            self._take(self.allocator.review("site", self.now_ms, told, frozenset(silent)))
            for asked in self.allocator.pending_requests():
                self._command(CommandKind.SUBMIT_PLAN, plan=plan(asked))
            self.now_ms += STEP * 1000 // LOOKS
            self.withheld.append(sum(60.0 * view.withheld for view in self.allocator.gateway_views("site")))

    def _command(self, kind: CommandKind, **fields: object) -> None:
        self.commands += 1
        self._take(self.allocator.handle(Command(f"c{self.commands}", "site", kind, **fields), self.now_ms))  # type: ignore[arg-type]

    def _take(self, result: AllocationResult) -> None:
        for each in result.assignments:
            if each.plan_id is not None and not each.is_renewal:
                self.arrivals[each.device, each.gateway] += 1
                self.moves[each.device].append(self.now_ms)


def dying(lives: int, times: int) -> list[bool]:
    """Silent for five minutes, then alive for `lives` steps, again and again."""
    return [step % (lives + 1) == 0 for step in range(times)]


@histories_looked_at
@given(st.lists(st.booleans(), min_size=12, max_size=96))
@example(dying(lives=3, times=144))
@example(dying(lives=4, times=144))
@example(dying(lives=12, times=144))
def test_a_flapping_gateway_does_not_attract_a_device_again_and_again(silent: list[bool]) -> None:
    """Bound: of a device, one arrival per hour of memory and three more, whatever the gateway does; and as many departures."""
    life = Life()
    for dead in silent:
        life.look(*(["g0"] if dead else []), demand=[5] * 6)
    most = 3 + len(silent) * STEP // MEMORY
    assert max(life.arrivals[device, "g0"] for device in life.moves) <= most
    assert max(len(moves) for moves in life.moves.values()) <= 2 * most + 1
    assert max(life.withheld) <= 0.1 * 180 + 1e-9


@histories_looked_at
@given(st.lists(st.lists(st.integers(0, 30), min_size=6, max_size=6), min_size=4, max_size=60))
@example([[30, 30, 0, 0, 0, 0], [0, 0, 30, 30, 30, 30]] * 30)
def test_a_device_of_oscillating_demand_moves_once_per_cool_down_at_most(demand: list[list[int]]) -> None:
    life = Life()
    for each in demand:
        life.look(demand=each)
    for moves in life.moves.values():
        assert all(after - before >= COOLDOWN * 1000 for before, after in pairwise(moves))
        assert len(moves) <= 1 + len(demand) * STEP // COOLDOWN
    assert max(life.withheld) == 0.0, "demand makes nobody suspect"
