"""Who was shed for others keeps its place, or gets another, where what followed left room."""

from small_site import device, gateway, request_of, topology

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Plan, Trigger
from tidegate.contracts.topology import DevicePlacement
from tidegate.core.allocation.planner import plan

FREELY = AllocationSettings(minimum_benefit_ratio=0.0)
HERE = {"g1": 0.0}


def planned(devices: list[DevicePlacement], trigger: Trigger = Trigger.PERIOD, **capacity: float) -> Plan:
    gateways = [gateway(name, cpu) for name, cpu in capacity.items()]
    return plan(request_of(topology(gateways, devices), trigger, FREELY))


def moved(made: Plan) -> dict[str, tuple[str | None, str | None]]:
    return {move.device: (move.source, move.target) for move in made.moves}


def test_a_device_whose_place_turned_out_not_to_be_needed_stays() -> None:
    """`small` gives its place for `first`, then `large` gives more than `second` takes: there is room for `small` again."""
    devices = [
        device("small", "g1", HERE, cpu=1.0),
        device("large", "g1", HERE, cpu=3.0),
        device("first", None, HERE, cpu=2.0, priority=2.0),
        device("second", None, HERE, cpu=2.0, priority=2.0),
    ]
    made = planned(devices, Trigger.UNSERVED_DEVICES, g1=5.0)
    assert moved(made) == {"large": ("g1", None), "first": (None, "g1"), "second": (None, "g1")}
    assert [left.device for left in made.unserved] == ["large"]
    assert made.after.utilisation["g1"]["cpu_millicores"] == 1.0


def test_savings_that_make_room_bring_service_to_who_waits() -> None:
    """`free` goes where it is cheaper; that leaves just the room that `waiting`, fixed to g1 by its reach, had lacked."""
    others = [device(f"d{n}", "g1", HERE, cpu=1.0) for n in range(7)]
    devices = [
        *others,
        device("large", "g1", HERE, cpu=3.0),
        device("first", None, HERE, cpu=2.0, priority=2.0),
        device("free", None, {"g1": 0.0, "g2": 0.0}, cpu=1.0),
        device("second", None, HERE, cpu=2.0, priority=2.0),
    ]
    made = planned(devices, g1=11.0, g2=8.0)
    assert [left.device for left in made.unserved] == ["large"]
    assert made.after.utilisation["g1"]["cpu_millicores"] == 1.0
    assert made.unserved[0].reason == "none of 1 gateways in reach can take it"


def test_a_device_that_is_shed_rightly_stays_shed() -> None:
    devices = [device("less", "g1", HERE, cpu=2.0), device("more", None, HERE, cpu=2.0, priority=2.0)]
    made = planned(devices, g1=3.0)
    assert moved(made) == {"less": ("g1", None), "more": (None, "g1")}
    assert [left.device for left in made.unserved] == ["less"]
