"""Triage: of a crowd that there is not room enough for, as many are served as can be, the important first."""

from dataclasses import replace

from small_site import device, gateway, request_of, topology

from tidegate.contracts.plan import Plan
from tidegate.contracts.topology import DevicePlacement, Gateway
from tidegate.core.allocation.planner import plan

LARGE, SMALL = 20, 40


def crowd(of_large: float = 1.0) -> list[DevicePlacement]:
    """Large devices of priority `of_large`, which come first, and small ones of priority 1; each kind wants 20 millicores."""
    large = [device(f"large-{n:02}", None, cpu=1.0, priority=of_large) for n in range(LARGE)]
    return [*large, *(device(f"small-{n:02}", None, cpu=0.5) for n in range(SMALL))]


def of_two(name: str, cpu: float, memory: float) -> DevicePlacement:
    return replace(device(name, None), demand={"cpu_millicores": cpu, "memory_bytes": memory})


def served(made: Plan) -> set[str]:
    return {move.device for move in made.moves}


def test_where_not_all_fit_the_small_ones_are_served_rather_than_half_as_many_large_ones() -> None:
    made = plan(request_of(topology([gateway("g1", 10.0), gateway("g2", 10.0)], crowd())))
    assert served(made) == {f"small-{n:02}" for n in range(SMALL)}
    assert made.after.unserved_devices == LARGE


def test_the_more_important_are_served_first_whatever_they_take() -> None:
    made = plan(request_of(topology([gateway("g1", 10.0), gateway("g2", 10.0)], crowd(of_large=3.0))))
    assert served(made) == {f"large-{n:02}" for n in range(LARGE)}


def test_the_scarce_resource_decides_who_takes_least() -> None:
    """A device of little memory takes much of the plentiful cpu, and two of them fit where one of the others would."""
    frugal = [of_two(f"frugal-{n:02}", cpu=10.0, memory=1.0) for n in range(40)]
    greedy = [of_two(f"greedy-{n:02}", cpu=1.0, memory=2.0) for n in range(40)]
    site = topology([Gateway("g", {"cpu_millicores": 1e4, "memory_bytes": 40.0})], [*greedy, *frugal])
    assert served(plan(request_of(site))) == {each.id for each in frugal}


def test_who_takes_least_is_the_same_in_any_unit() -> None:
    small = plan(request_of(topology([gateway("g1", 10.0)], crowd())))
    sites = [gateway("g1", 1e7)], [device(each.id, None, cpu=1e6 * each.demand["cpu_millicores"]) for each in crowd()]
    assert served(plan(request_of(topology(*sites)))) == served(small)
