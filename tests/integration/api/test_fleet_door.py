"""The fleet's client against the real door: what one says, the other takes."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tidegate.adapters.profiles import shipped_profiles
from tidegate.client import Retry
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import ReadingBatch
from tidegate.errors import DependencyError, InputError
from tidegate.fleet.door import RestDoor
from tidegate.fleet.forms import Form
from tidegate.fleet.outbox import Traffic
from tidegate.fleet.pace import AtOnce
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import lay_out
from tidegate.fleet.simulator.live import Surroundings, simulate
from tidegate.fleet.simulator.spec import FleetSpec
from tidegate.pipeline.decode import decode_telemetry

SPEC = FleetSpec(start_ms=1_767_571_200_000, sites=2, gateways=2, devices=8)


async def no_pause(seconds: float) -> None:
    """Patience without waiting."""


def door_to(house: Any, form: Form) -> RestDoor:
    moments = iter(range(1000))
    transport = httpx.ASGITransport(app=house.app)
    return RestDoor("http://door", form, transport=transport, retry=Retry(pause=no_pause, monotonic=lambda: float(next(moments))))


@pytest.fixture
def door(house: Any) -> RestDoor:
    return door_to(house, Form.BATCH)


def fleet() -> Fleet:
    return Fleet(SPEC, lay_out(SPEC, shipped_profiles(), revision=1), iter(()))


@pytest.mark.parametrize("form", [Form.BATCH, Form.PACKED])
async def test_a_simulation_arrives_whole_through_the_door(house: Any, form: Form) -> None:
    traffic, door = Traffic(), door_to(house, form)
    around = Surroundings(door, door, AtOnce(), lambda label: None, traffic)
    await simulate(fleet(), around, SPEC.start_ms + 20_000)
    telemetry = decode_telemetry(await house.records(topics.TELEMETRY), house.log.partitions)
    commands = [decode(record.value, Command) for record in await house.records(topics.COMMANDS)]
    assert len(telemetry.readings) == traffic.readings == 2 * 8 * 10
    assert telemetry.letters == []
    assert {command.site for command in commands} == {"site-1", "site-2"}


async def test_single_readings_go_through_the_door_one_by_one(house: Any) -> None:
    readings = fleet().step().readings[:2]
    await door_to(house, Form.JSON).send(ReadingBatch(readings[0].site, readings))
    records = await house.records(topics.TELEMETRY)
    assert [len(decode(record.value, ReadingBatch).readings) for record in records] == [1, 1]


async def test_devices_hear_of_their_assignments_through_the_door(house: Any, door: RestDoor) -> None:
    moving = fleet()
    site, device = moving.layout.sites[0], moving.layout.devices[0]
    fact = Assignment(site, device, GatewayId("gw-1-02"), 9, {}, Phase.ACTIVE, None, 0, "test")
    await house.publish(topics.ASSIGNMENTS, site, fact, key=f"{site}/{device}")
    moving.follow(await door.assignments(site))
    spoken = [reading for _ in range(4) for reading in moving.step().readings if reading.device == device]
    assert [(reading.gateway, reading.epoch) for reading in spoken] == [("gw-1-02", 9)]


async def test_a_full_door_is_dependency_trouble_and_a_wrong_batch_is_our_mistake(house: Any, door: RestDoor) -> None:
    reading = fleet().step().readings[0]
    with pytest.raises(InputError, match="elsewhere"):
        await door.send(ReadingBatch(reading.site, [replace(reading, site=GatewayId("elsewhere"))]))  # type: ignore[arg-type]  # on purpose
    house.live.waiting = {topics.TELEMETRY: 10_000}
    with pytest.raises(DependencyError, match="10000 records"):
        await door.send(ReadingBatch(reading.site, [reading]))
