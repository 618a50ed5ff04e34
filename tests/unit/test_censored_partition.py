"""From readings to a censored sample: devices of a full gateway, seen by whoever looks at them, and measured."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from support.forecasters import SmoothForecaster
from support.readings import configuration, profile, reading, tick_of
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.profile import DemandMapping, DemandTerm
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.partition import Batch, Partition
from tidegate.pipeline.live import LiveWorkers
from tidegate.pipeline.reporting import levels

CPU = "cpu_millicores"
MINUTES = 40


def partition() -> Partition:
    """d0 and d1 on a gateway of 30, which used 12 each for a while; d2 on one of its own, which used 12 too."""
    heavy = replace(profile(), demand={CPU: DemandMapping(terms=[DemandTerm("heat")])})
    found = Partition(configuration(heavy), {"universal": SmoothForecaster()})
    devices = [DevicePlacement(f"d{n}", "pump", gateway="g1" if n < 2 else "g2") for n in range(3)]
    gateways = [Gateway("g1", {CPU: 30.0}), Gateway("g2", {CPU: 30.0})]
    order = Command("c1", "s", CommandKind.SET_TOPOLOGY, topology=Topology("s", 1, gateways, devices))
    found.step(Batch(tick_of(0), commands=[order]))
    for minute in range(MINUTES):
        speak(found, minute, 12.0 + minute % 2)
    return found


def speak(found: Partition, minute: int, used: float) -> None:
    found.step(Batch(tick_of(minute), [reading(minute, used, device=f"d{n}") for n in range(3)]))


@dataclass
class OnePartition:
    """A worker of `partition`, and the workers of a process that has no other."""

    partition: Partition
    partitions: int = 1

    @property
    def working(self) -> dict[int, Any]:
        return {0: self}

    def worker(self, _: int) -> Any:
        return self

    async def call(self, look: Callable[[Partition], Any]) -> Any:
        return look(self.partition)


async def test_devices_of_a_full_gateway_are_marked_wherever_one_looks_at_them() -> None:
    found = partition()
    crew: Any = OnePartition(found)
    live = LiveWorkers(crew, {}, crew)
    assert [view.censored for view in await live.device_views("s")] == [[], [], []]
    assert levels(found, {}, {}, tick_of(MINUTES)).censored_devices == 0
    for minute in range(MINUTES, MINUTES + 2):
        speak(found, minute, 15.0)
    views = await live.device_views("s")
    assert {view.device: view.censored for view in views} == {"d0": [CPU], "d1": [CPU], "d2": []}
    assert await live.device_views(None) == views
    assert await live.device("s", "d0") == views[0]
    assert await live.device("s", "d9") is None
    told = await live.explain("s", "d0")
    assert told is not None
    assert told.device.censored == [CPU]
    assert await live.explain("s", "d9") is None
    assert {view.gateway: view.censored for view in await live.gateways("s")} == {"g1": 2, "g2": 0}
    assert levels(found, {}, {}, tick_of(MINUTES)).censored_devices == 2


def test_what_devices_of_a_full_gateway_ask_does_not_sink_with_what_they_are_left() -> None:
    found = partition()
    asked = claims(found)
    for minute in range(MINUTES, MINUTES + 200):
        speak(found, minute, 15.0)
    assert claims(found)[:2] == asked[:2]
    assert claims(found)[2] < asked[2], "whose gateway is not full is forecast from what it uses"
    restored = Partition.restore(found.export_state(), {"universal": SmoothForecaster()})
    assert restored.digest() == found.digest()
    assert claims(restored) == claims(found)


def claims(found: Partition) -> list[float]:
    request = found.allocation("s").request
    assert request is not None
    column = request.situation.resources.index(CPU)
    return [row[column] for row in request.situation.demand]
