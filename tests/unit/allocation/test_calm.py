"""However demand swings and gateways flap, nobody is moved oftener than cool-down, payback and return hold allow."""

from collections import defaultdict
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_site import Worker, demand_of, device, gateway, topology

from tidegate.contracts.plan import DecisionStatus, Trigger
from tidegate.contracts.topology import DevicePlacement
from tidegate.core.demand import SiteDemand

STEP_SECONDS, COOLDOWN_SECONDS, PAYBACK_SECONDS = 60.0, 300.0, 3600.0
DEVICES = [f"d{number}" for number in range(6)]
calmly = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def three_gateways(payback_seconds: float) -> Worker:
    """Two devices each, at home on the gateway that costs least; demand is what readings say."""
    site = topology([gateway(f"g{number}") for number in range(3)], [_at_home(number) for number in range(len(DEVICES))])
    return Worker(site, cooldown_seconds=COOLDOWN_SECONDS, payback_seconds=payback_seconds, period_seconds=120.0)


def _at_home(number: int) -> DevicePlacement:
    home = f"g{number % 3}"
    placed = device(DEVICES[number], home, {f"g{n}": 1.0 if f"g{n}" == home else 4.0 for n in range(3)})
    return DevicePlacement(placed.id, placed.profile, placed.reach, home)


def moved_at(worker: Worker, *triggers: Trigger) -> dict[str, list[int]]:
    """When each device was moved by plans of `triggers`."""
    applied = {fact.plan_id for fact in worker.decisions if fact.status is DecisionStatus.APPLIED}
    made = [fact for fact in worker.decisions if fact.plan is not None and fact.plan_id in applied and fact.trigger in triggers]
    times = defaultdict(list)
    for fact in made:
        for move in fact.plan.moves if fact.plan else []:
            times[move.device].append(fact.decided_at_ms)
    return times


def closest_seconds(times: dict[str, list[int]]) -> float:
    """The shortest time between two moves of one device."""
    apart = [later - earlier for of in times.values() for earlier, later in pairwise(of)]
    return min(apart, default=10**9) / 1000


def needing(amounts: list[int]) -> SiteDemand:
    return demand_of({name: float(amount) for name, amount in zip(DEVICES, amounts, strict=True)})


swings = st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=2, max_size=8)


@calmly
@given(swings, st.integers(1, 5))
def test_swinging_demand_moves_nobody_oftener_than_the_cool_down_and_for_cost_than_the_payback(
    cycle: list[list[int]], held: int
) -> None:
    worker = three_gateways(PAYBACK_SECONDS)
    for step in range(75):
        worker.review(demand=needing(cycle[step // held % len(cycle)]))
        worker.answer()
        worker.later(STEP_SECONDS)
    assert closest_seconds(moved_at(worker, Trigger.FORECAST_OVERLOAD, Trigger.PERIOD)) >= COOLDOWN_SECONDS
    for name, times in moved_at(worker, Trigger.PERIOD).items():
        reasons = [reason_of(worker, name, at) for at in times]
        saving = [at for at, reason in zip(times, reasons, strict=True) if reason.startswith("saves")]
        before = [max((other for other in every_move(worker, name) if other < at), default=None) for at in saving]
        assert all(last is None or at - last >= PAYBACK_SECONDS * 1000 for at, last in zip(saving, before, strict=True))


def every_move(worker: Worker, name: str) -> list[int]:
    return moved_at(worker, *Trigger)[name]


def reason_of(worker: Worker, name: str, at_ms: int) -> str:
    plans = [fact.plan for fact in worker.decisions if fact.plan is not None and fact.decided_at_ms == at_ms]
    return next(move.reason for made in plans for move in made.moves if move.device == name)


@calmly
@given(st.integers(1, 3), st.integers(9, 14))
def test_a_flapping_gateway_is_emptied_at_most_once_for_each_time_its_hold_has_doubled(silent: int, every: int) -> None:
    worker = three_gateways(payback_seconds=0.0)
    small = needing([2] * len(DEVICES))
    steps = 150
    for step in range(steps):
        worker.review(*(["g0"] if step % every < silent else []), demand=small)
        worker.answer()
        worker.later(STEP_SECONDS)
    evacuations = {fact.plan_id for fact in worker.decisions if fact.trigger is Trigger.GATEWAY_DOWN}
    holds, length = 0, COOLDOWN_SECONDS
    while length < steps * STEP_SECONDS:
        holds, length = holds + 1, length * 2
    assert 1 <= len(evacuations) <= holds + 1
