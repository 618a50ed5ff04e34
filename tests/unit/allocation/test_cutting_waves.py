"""Which moves go together: with room at both ends, in order, and past no earlier move to the same gateway."""

from small_site import device, gateway, request_of, topology

from tidegate.contracts.plan import Move
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.problem import problem_of
from tidegate.core.allocation.waves import Sizes, split

ANY = Sizes(None, None)
SITE = topology(
    [gateway("g1", 4.0), gateway("g2", 9.0), gateway("g3", 9.0)],
    [device("pump", "g1", cpu=3.0), device("big", "g3", cpu=3.0), device("small", "g3"), device("new", None)],
)
PUMP, BIG, SMALL = (("pump", "g1", "g2"), ("big", "g3", "g1"), ("small", "g3", "g1"))
NEW = ("new", None, "g2")


def waves(*moves: tuple[str, str | None, str | None], sizes: Sizes = ANY, site: Topology = SITE) -> list[list[str]]:
    listed = [Move(name, source, target, 1, {}, "") for name, source, target in moves]
    return [[move.device for move in wave] for wave in split(problem_of(request_of(site)), listed, sizes)]


def test_who_needs_the_room_of_a_device_that_leaves_goes_in_the_wave_after_it() -> None:
    assert waves(PUMP, BIG) == [["pump"], ["big"]]
    assert waves(PUMP, SMALL) == [["pump", "small"]]


def test_a_move_does_not_take_the_room_that_an_earlier_one_waits_for() -> None:
    assert waves(PUMP, BIG, SMALL) == [["pump"], ["big", "small"]]


def test_a_move_elsewhere_need_not_wait_for_the_one_before_it() -> None:
    assert waves(PUMP, BIG, NEW) == [["pump", "new"], ["big"]]


def test_devices_without_service_are_not_counted_and_a_release_needs_no_room() -> None:
    one = Sizes(1, 1)
    assert waves(PUMP, SMALL, NEW, sizes=one) == [["pump", "new"], ["small"]]
    assert waves(PUMP, ("small", "g3", None)) == [["pump", "small"]]


def test_nothing_to_move_is_no_wave() -> None:
    assert waves() == []
