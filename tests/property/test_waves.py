"""What holds for the waves of every plan, on random sites. Loads are added up here in plain Python, from the request."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import crammed, crowds, requests

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Move, Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import problem_of
from tidegate.core.allocation.recheck import differences_of_rest
from tidegate.core.allocation.waves import Sizes, split

CPU = "cpu_millicores"

looked_at = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some_sizes = st.builds(Sizes, st.none() | st.integers(1, 4), st.none() | st.integers(1, 4))
questions = st.one_of(requests(), crowds(), crammed())

Order = tuple[PlanRequest, list[Move]]
"""A site, and moves that can be made there one by one in this order."""


@st.composite
def tight_orders(draw: st.DrawFn) -> Order:
    """Nearly full gateways, between which moves are lawful only because others made room just before."""
    names = [f"g{n}" for n in range(draw(st.integers(2, 4)))]
    amounts = draw(st.lists(st.integers(1, 3), min_size=2, max_size=10))
    at: dict[str, str | None] = {f"d{n}": draw(st.sampled_from([*names, None])) for n in range(len(amounts))}
    demand = {f"d{n}": float(amount) for n, amount in enumerate(amounts)}
    load = {name: sum(demand[device] for device, here in at.items() if here == name) for name in names}
    capacity = {name: load[name] + draw(st.integers(0, 3)) for name in names}
    devices = [DevicePlacement(name, "sensor", gateway=here, demand={CPU: demand[name]}) for name, here in at.items()]
    site = Topology("site", 1, [Gateway(name, {CPU: capacity[name]}) for name in names], devices)
    now = Situation([CPU], [[each] for each in demand.values()], list(at.values()), [1] * len(at), [], [], [], [])
    moves = []
    for device in draw(st.permutations(list(at))):
        source, target = at[device], draw(st.sampled_from(names))
        if source != target and load[target] + demand[device] <= capacity[target]:
            load[target] += demand[device]
            if source is not None:
                load[source] -= demand[device]
            moves.append(Move(device, source, target, 1, {}, ""))
    return PlanRequest("plan-1", "site", Trigger.PERIOD, 0, 1000, site, now, AllocationSettings(), "digest"), moves


orders = st.one_of(tight_orders(), questions.map(lambda request: (request, plan(request).moves)))


def cut(order: Order, sizes: Sizes) -> list[list[Move]]:
    request, moves = order
    return split(problem_of(request), moves, sizes)


def served_by(request: PlanRequest) -> dict[str, str | None]:
    """Who serves each device: nobody, where it is on a dead gateway."""
    now = request.situation
    pairs = zip(request.topology.devices, now.assigned, strict=True)
    return {device.id: None if at in now.dead else at for device, at in pairs}


def load_of(request: PlanRequest, gateway: str, devices: Sequence[str]) -> list[float]:
    rows = {device.id: row for row, device in enumerate(request.topology.devices)}
    columns = range(len(request.situation.resources))
    return [sum(request.situation.demand[rows[device]][column] for device in devices) for column in columns]


@looked_at
@given(orders, some_sizes)
def test_every_move_is_in_exactly_one_wave_and_equal_questions_get_equal_waves(order: Order, sizes: Sizes) -> None:
    (request, moves), waves = order, cut(order, sizes)
    together = [move for wave in waves for move in wave]
    assert sorted(move.device for move in together) == sorted(move.device for move in moves)
    assert all(move in moves for move in together)
    assert all(waves)
    assert split(problem_of(request), moves, sizes) == waves


@looked_at
@given(orders, some_sizes)
def test_nobody_is_over_capacity_while_a_wave_burdens_both_its_ends(order: Order, sizes: Sizes) -> None:
    (request, _), waves = order, cut(order, sizes)
    at = served_by(request)
    capacity = {
        gateway.id: [gateway.capacity.get(name, float("inf")) for name in request.situation.resources]
        for gateway in request.topology.gateways
    }
    for wave in waves:
        for gateway in {move.target for move in wave} - {None}:
            assert gateway is not None
            here = [device for device, now in at.items() if now == gateway]
            coming = [move.device for move in wave if move.target == gateway]
            load = load_of(request, gateway, [*here, *coming])
            assert all(used <= room for used, room in zip(load, capacity[gateway], strict=True))
        at |= {move.device: move.target for move in wave}


@looked_at
@given(orders, some_sizes)
def test_a_wave_takes_no_more_devices_from_their_service_than_it_may(order: Order, sizes: Sizes) -> None:
    (request, _), waves = order, cut(order, sizes)
    at = served_by(request)
    for number, wave in enumerate(waves):
        most = sizes.further if number else sizes.first
        assert most is None or sum(at[move.device] is not None for move in wave) <= most


@looked_at
@given(orders, some_sizes)
def test_moves_to_one_gateway_keep_their_order(order: Order, sizes: Sizes) -> None:
    (_, moves), waves = order, cut(order, sizes)
    for gateway in {move.target for move in moves} - {None}:
        planned = [move.device for move in moves if move.target == gateway]
        assert [move.device for wave in waves for move in wave if move.target == gateway] == planned


@looked_at
@given(questions, some_sizes)
def test_on_a_site_that_does_not_change_what_is_left_holds_after_every_wave(request: PlanRequest, sizes: Sizes) -> None:
    waves = cut((request, plan(request).moves), sizes)
    names = [device.id for device in request.topology.devices]
    assigned, epochs = list(request.situation.assigned), list(request.situation.epochs)
    for number, wave in enumerate(waves[:-1], start=1):
        for move in wave:
            row = names.index(move.device)
            assigned[row], epochs[row] = move.target, epochs[row] + 1
        now = replace(request, situation=replace(request.situation, assigned=list(assigned), epochs=list(epochs)))
        rest = [move for later in waves[number:] for move in later]
        assert differences_of_rest(problem_of(now), rest) == []
