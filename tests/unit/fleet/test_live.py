"""The closed loop over a made service: topology first, readings as due, devices follow, labels beside."""

import asyncio
from collections.abc import Sequence

import pytest

from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.command import Command, CommandKind, check_command
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import ReadingBatch
from tidegate.errors import DependencyError
from tidegate.fleet.outbox import Traffic
from tidegate.fleet.pace import AtOnce
from tidegate.fleet.simulator.faults import Fault, FaultType, Label
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import lay_out
from tidegate.fleet.simulator.live import Surroundings, simulate
from tidegate.fleet.simulator.spec import FleetSpec

START_MS = 1_767_571_200_000
SPEC = FleetSpec(start_ms=START_MS, sites=1, gateways=2, devices=8)


class Service:
    """Takes everything; assigns every device to one gateway from the first reading on."""

    def __init__(self, gateway: str | None = None) -> None:
        self.events: list[Command | ReadingBatch] = []
        self._gateway = gateway
        self.closed = False

    async def send(self, batch: ReadingBatch) -> None:
        self.events.append(batch)
        await asyncio.sleep(0)

    async def command(self, command: Command) -> None:
        self.events.append(command)

    async def close(self) -> None:
        self.closed = True

    async def assignments(self, site: SiteId) -> Sequence[Assignment]:
        if self._gateway is None:
            raise DependencyError("nobody there")
        device = DeviceId("temperature-sensor-1-001")
        return [Assignment(site, device, GatewayId(self._gateway), 3, {}, Phase.ACTIVE, None, 0, "moved")]


def fleet(*faults: Fault) -> Fleet:
    return Fleet(SPEC, lay_out(SPEC, shipped_profiles(), revision=5), iter(faults))


def around(service: Service, labels: list[Label], *, answers: bool) -> Surroundings:
    return Surroundings(service, service if answers else None, AtOnce(), labels.append, Traffic())


async def test_the_topology_comes_before_the_first_reading_and_labels_stay_beside() -> None:
    service, labels = Service(), list[Label]()
    fault = Fault(FaultType.SPIKE, START_MS + 4000, START_MS + 8000, 0, device=0, metric=0, magnitude=2.0)
    surroundings = around(service, labels, answers=False)
    await simulate(fleet(fault), surroundings, START_MS + 20_000)
    command, *batches = service.events
    assert isinstance(command, Command)
    assert command.kind is CommandKind.SET_TOPOLOGY
    check_command(command)
    assert [label.type for label in labels] == [FaultType.SPIKE]
    sent = sum(len(batch.readings) for batch in batches if isinstance(batch, ReadingBatch))
    assert sent == surroundings.traffic.readings == 8 * 10


async def test_devices_speak_through_the_gateway_they_are_assigned_to() -> None:
    service = Service("gw-1-02")
    await simulate(fleet(), around(service, [], answers=True), START_MS + 20_000)
    last = [
        reading
        for batch in service.events
        if isinstance(batch, ReadingBatch)
        for reading in batch.readings
        if reading.device == "temperature-sensor-1-001"
    ][-1]
    assert (last.gateway, last.epoch) == ("gw-1-02", 3)


async def test_a_service_that_stops_answering_ends_the_simulation_with_its_error() -> None:
    with pytest.raises(DependencyError, match="nobody there"):
        await simulate(fleet(), around(Service(None), [], answers=True), None)
