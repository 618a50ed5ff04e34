"""One reading or command that brings the core down is found and set aside; all others count as if it had never been sent."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from support.poison import MAGIC, PoisonedForecaster
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.ids import CommandId, DeviceId, MetricName
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Partition
from tidegate.errors import BundleError
from tidegate.pipeline.portion import decode_portion
from tidegate_training.evaluate.acceptance.rerun import portion_of
from worker_rig import DEVICES, PROFILE, SITE, Rig, readings, topology, universal, values, with_limits

START_MS = 1_700_000_000_000
SEARCH_SECONDS = 90.0
"""For one search: a second's work, on machines that have other work as well."""


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


def poisoned(forecasters: dict[str, Forecaster]) -> dict[str, Forecaster]:
    return {name: PoisonedForecaster(each) for name, each in forecasters.items()}


def fresh(forecasters: dict[str, Forecaster], **limits: float) -> Rig:
    clock = ManualClock(START_MS)
    return with_limits(Rig(MemoryLog(clock=clock, compacted=()), clock, forecasters), **limits)


def bad_reading(second: int, device: str = DEVICES[0]) -> Reading:
    metrics: dict[MetricName, float | None] = {MetricName("load"): MAGIC}
    return Reading(SITE, DeviceId(device), PROFILE.name, START_MS + 1000 * second, metrics)


def with_poison(batch: ReadingBatch, places: Sequence[int], second: int) -> ReadingBatch:
    """`batch` with a reading that no real run sends before each of `places`."""
    rows = list(batch.readings)
    for place in sorted(places, reverse=True):
        rows.insert(place, bad_reading(second, f"extra-{place}"))
    return replace(batch, readings=rows)


async def story(rig: Rig, poison: dict[int, Sequence[int]] | None = None) -> None:
    """Ordinary life with a spike; at some seconds batches pile up before the worker may take them."""
    for second in range(100):
        rig.clock.advance(1.0)
        batch = readings(second, start_ms=START_MS, spike="dev-03" if second == 90 else None)
        await rig.send(with_poison(batch, (poison or {}).get(second, ()), second))
        if second % 5 == 0:
            await rig.drained(SEARCH_SECONDS)
    await rig.drained(SEARCH_SECONDS)


async def batches_taken(rig: Rig) -> int:
    """Batches in the journal, announcements not counted."""
    journal = [decode(value, JournalRecord) for value in values(await rig.facts(topics.JOURNAL))]
    return sum(one.trial is None for one in journal)


async def letters(rig: Rig) -> list[DeadLetter]:
    return [decode(value, DeadLetter) for value in values(await rig.facts(topics.DEADLETTER))]


async def anomalies(rig: Rig) -> list[dict[str, Any]]:
    return [json.loads(value) for value in values(await rig.facts(topics.ANOMALIES))]


async def test_poison_anywhere_costs_nothing_but_itself(forecasters: dict[str, Forecaster]) -> None:
    calm, rough = fresh(forecasters), fresh(poisoned(forecasters), snapshot_batches=30)
    poison = {3: [5], 42: [12]}
    calm.start()
    await story(calm)
    rough.start()
    await story(rough, poison)
    found = await letters(rough)
    assert [letter.reason for letter in found] == ["poison"] * 2
    assert sorted((letter.index or 0, letter.device) for letter in found) == sorted(
        (place + nth, f"extra-{place}") for places in poison.values() for nth, place in enumerate(sorted(places))
    )
    assert all(b"66.613" in letter.original and "ZeroDivisionError" in letter.message for letter in found)
    balance = (await rough.look()).balance
    assert balance == replace((await calm.look()).balance, received=100 * 12 + 2, dead_lettered=2)
    assert await anomalies(rough) == await anomalies(calm)
    assert await anomalies(calm)
    assert (await rough.look()).detection.device_views() == (await calm.look()).detection.device_views()
    await calm.finish()
    await replays_to_the_same(rough)


async def replays_to_the_same(rig: Rig) -> None:
    """A restart leaves out what was set aside, and says nothing twice."""
    before, told = await rig.digest(), values(await rig.facts(topics.DEADLETTER, topics.ANOMALIES))
    await rig.kill()
    rig.start()
    await rig.drained()
    assert await rig.digest() == before
    assert values(await rig.facts(topics.DEADLETTER, topics.ANOMALIES)) == told
    stepped = [letter async for letter in letters_of_the_journal(rig)]
    assert stepped == await letters(rig)
    await rig.finish()


async def letters_of_the_journal(rig: Rig) -> AsyncIterator[DeadLetter]:
    """What the journal alone says was set aside, and why."""
    for value in values(await rig.facts(topics.JOURNAL)):
        for letter in decode_portion(await portion_of(rig.log, decode(value, JournalRecord)), 1).letters:
            yield letter


async def test_a_kill_in_the_middle_of_the_search_changes_nothing(forecasters: dict[str, Forecaster]) -> None:
    """Killed after each batch the search takes: what was taken stays taken, the rest follows, also inside a batch."""
    rig = fresh(poisoned(forecasters))
    rig.start()
    await rig.send(readings(0, start_ms=START_MS))
    await rig.drained()
    await rig.send(with_poison(readings(1, start_ms=START_MS), [4], 1), readings(2, start_ms=START_MS))
    for _ in range(200):
        before = await batches_taken(rig)
        while await batches_taken(rig) == before:
            await rig.log.wait(0.05)
        await rig.kill()
        rig.start()
        if await letters(rig):
            break
    await rig.drained()
    [letter] = await letters(rig)
    assert (letter.reason, letter.index) == ("poison", 4)
    balance = (await rig.look()).balance
    assert (balance.received, balance.scored, balance.dead_lettered) == (37, 36, 1)
    await rig.finish()


async def test_kills_without_poison_set_nothing_aside(forecasters: dict[str, Forecaster]) -> None:
    rig = fresh(forecasters)
    for second in range(30):
        rig.clock.advance(1.0)
        await rig.send(readings(second, start_ms=START_MS))
        rig.start()
        await rig.log.wait(0.05)
        await rig.kill()
    rig.start()
    await rig.drained()
    assert await letters(rig) == []
    assert (await rig.look()).balance.scored == 30 * 12
    await rig.finish()


async def test_a_command_that_brings_the_allocator_down_becomes_a_dead_letter(
    forecasters: dict[str, Forecaster], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Allocator.handle

    def handle(self: Allocator, command: Command, now_ms: int) -> Any:
        if command.id == "evil":
            raise KeyError("a bug of ours")
        return real(self, command, now_ms)

    monkeypatch.setattr(Allocator, "handle", handle)
    rig = fresh(forecasters)
    rig.start()
    evil = Command(CommandId("evil"), SITE, CommandKind.FREEZE, "test")
    await rig.send(topology(), evil, replace(evil, id=CommandId("good")), readings(0, start_ms=START_MS))
    await rig.drained()
    [letter] = await letters(rig)
    assert (letter.reason, letter.topic, letter.offset) == ("poison", topics.COMMANDS, 1)
    assert b'"evil"' in letter.original
    outcomes = [json.loads(value)["command"] for value in values(await rig.facts(topics.OUTCOMES))]
    assert outcomes == ["topology-1", "good"]
    assert (await rig.look()).balance.scored == 12
    await rig.finish()


async def test_a_tick_that_fails_is_nobodys_poison(forecasters: dict[str, Forecaster], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = fresh(forecasters)
    rig.start()
    await rig.send(readings(0, start_ms=START_MS))
    await rig.drained()

    def broken(*_: object) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setattr(Partition, "_allocate", broken)
    rig.clock.advance(1.0)
    await rig.send(readings(1, start_ms=START_MS))
    assert rig.task is not None
    with pytest.raises(KeyError):
        await rig.task
    assert await letters(rig) == []


async def test_a_bundle_that_fails_ends_the_worker_and_blames_no_reading(forecasters: dict[str, Forecaster]) -> None:
    def fail() -> None:
        raise BundleError("the model runtime is broken")

    rig = fresh({name: PoisonedForecaster(each, fail) for name, each in forecasters.items()})
    await rig.send(ReadingBatch(SITE, [bad_reading(0)]))
    for _ in range(5):
        rig.start()
        assert rig.task is not None
        with pytest.raises(BundleError):
            await rig.task
    assert await letters(rig) == []
    journal = [decode(value, JournalRecord) for value in values(await rig.facts(topics.JOURNAL))]
    assert {one.trial.failures for one in journal if one.trial} == {0}
