"""From readings to a suspect gateway: what detection is sure of is held against it, and nobody is moved."""

from support.forecasters import SmoothForecaster
from support.readings import configuration, noise, profile, reading, tick_of
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.profile import Metric
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.detection.profiles import WARMUP_READINGS
from tidegate.core.partition import Batch, Partition

DEVICES, BROKEN = 20, 1e6


def partition() -> Partition:
    """Two gateways of a site that serve `DEVICES` each, all of which have spoken long enough to be judged."""
    found = Partition(configuration(profile(metrics={"heat": Metric(high=100.0)})), {"universal": SmoothForecaster()})
    names = {f"{at}-{n}": at for at in ("g1", "g2") for n in range(DEVICES)}
    devices = [DevicePlacement(name, "pump", gateway=at) for name, at in names.items()]
    gateways = [Gateway("g1", {"devices": 100.0}), Gateway("g2", {"devices": 100.0})]
    order = Command("c1", "s", CommandKind.SET_TOPOLOGY, topology=Topology("s", 1, gateways, devices))
    found.step(Batch(tick_of(0), commands=[order]))
    for minute in range(WARMUP_READINGS + 5):
        speak(found, minute)
    return found


def speak(found: Partition, minute: int, at_g1: float | None = None) -> None:
    values = dict.fromkeys(("g1", "g2"), noise(1, minute)[0]) | ({} if at_g1 is None else {"g1": at_g1})
    readings = [reading(minute, value, device=f"{at}-{n}") for at, value in values.items() for n in range(DEVICES)]
    found.step(Batch(tick_of(minute), readings))


def suspicion(found: Partition) -> dict[str, float]:
    return {view.gateway: view.suspicion for view in found.allocator.gateway_views("s")}


def test_a_gateway_whose_devices_all_misbehave_becomes_suspect_minute_by_minute_and_keeps_them() -> None:
    found, start = partition(), WARMUP_READINGS + 5
    where = {each.device: each.gateway for each in found.allocator.assignments("s")}
    assert suspicion(found) == {"g1": 0.0, "g2": 0.0}
    seen = []
    for minute in range(start, start + 12):
        speak(found, minute, at_g1=BROKEN)
        seen.append(suspicion(found))
    assert {each["g2"] for each in seen} == {0.0}
    rising = [each["g1"] for each in seen]
    assert rising == sorted(rising)
    assert 0.0 < rising[2] <= 0.2
    assert 0.6 < rising[-1] < 0.7
    assert {each.device: each.gateway for each in found.allocator.assignments("s")} == where


def test_where_the_whole_site_misbehaves_nobody_is_suspect() -> None:
    found, start = partition(), WARMUP_READINGS + 5
    for minute in range(start, start + 5):
        readings = [reading(minute, BROKEN, device=f"{at}-{n}") for at in ("g1", "g2") for n in range(DEVICES)]
        found.step(Batch(tick_of(minute), readings))
    assert len(found.detection.troubles("s")) == 2 * DEVICES
    assert suspicion(found) == {"g1": 0.0, "g2": 0.0}
