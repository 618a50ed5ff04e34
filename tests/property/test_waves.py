"""What holds for the waves of every plan, on random sites. Loads are added up here in plain Python, from the request."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import RESOURCES, crowds, requests

from tidegate.contracts.plan import Move
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import problem_of
from tidegate.core.allocation.recheck import differences_of_rest
from tidegate.core.allocation.waves import Sizes, split

looked_at = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some_sizes = st.builds(Sizes, st.none() | st.integers(1, 4), st.none() | st.integers(1, 4))
questions = st.one_of(requests(), crowds())


def cut(request: PlanRequest, sizes: Sizes) -> tuple[list[Move], list[list[Move]]]:
    """A plan's moves, and its waves."""
    moves = plan(request).moves
    return moves, split(problem_of(request), moves, sizes)


def served_by(request: PlanRequest) -> dict[str, str | None]:
    """Who serves each device: nobody, where it is on a dead gateway."""
    now = request.situation
    pairs = zip(request.topology.devices, now.assigned, strict=True)
    return {device.id: None if at in now.dead else at for device, at in pairs}


def load_of(request: PlanRequest, gateway: str, devices: Sequence[str]) -> list[float]:
    rows = {device.id: row for row, device in enumerate(request.topology.devices)}
    return [sum(request.situation.demand[rows[device]][column] for device in devices) for column in range(len(RESOURCES))]


@looked_at
@given(questions, some_sizes)
def test_every_move_is_in_exactly_one_wave_and_equal_questions_get_equal_waves(request: PlanRequest, sizes: Sizes) -> None:
    moves, waves = cut(request, sizes)
    together = [move for wave in waves for move in wave]
    assert sorted(move.device for move in together) == sorted(move.device for move in moves)
    assert all(move in moves for move in together)
    assert all(waves)
    assert split(problem_of(request), moves, sizes) == waves


@looked_at
@given(questions, some_sizes)
def test_nobody_is_over_capacity_while_a_wave_burdens_both_its_ends(request: PlanRequest, sizes: Sizes) -> None:
    _, waves = cut(request, sizes)
    at = served_by(request)
    capacity = {
        gateway.id: [gateway.capacity.get(name, float("inf")) for name in RESOURCES] for gateway in request.topology.gateways
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
@given(questions, some_sizes)
def test_a_wave_takes_no_more_devices_from_their_service_than_it_may(request: PlanRequest, sizes: Sizes) -> None:
    _, waves = cut(request, sizes)
    at = served_by(request)
    for number, wave in enumerate(waves):
        most = sizes.further if number else sizes.first
        assert most is None or sum(at[move.device] is not None for move in wave) <= most


@looked_at
@given(questions, some_sizes)
def test_moves_to_one_gateway_keep_their_order(request: PlanRequest, sizes: Sizes) -> None:
    moves, waves = cut(request, sizes)
    for gateway in {move.target for move in moves} - {None}:
        planned = [move.device for move in moves if move.target == gateway]
        assert [move.device for wave in waves for move in wave if move.target == gateway] == planned


@looked_at
@given(questions, some_sizes)
def test_on_a_site_that_does_not_change_what_is_left_holds_after_every_wave(request: PlanRequest, sizes: Sizes) -> None:
    _, waves = cut(request, sizes)
    names = [device.id for device in request.topology.devices]
    assigned, epochs = list(request.situation.assigned), list(request.situation.epochs)
    for number, wave in enumerate(waves[:-1], start=1):
        for move in wave:
            row = names.index(move.device)
            assigned[row], epochs[row] = move.target, epochs[row] + 1
        now = replace(request, situation=replace(request.situation, assigned=list(assigned), epochs=list(epochs)))
        rest = [move for later in waves[number:] for move in later]
        assert differences_of_rest(problem_of(now), rest) == []
