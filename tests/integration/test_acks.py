"""Acks through the worker: heard once, in the right order, restored to the bit; what cannot be used is a dead letter."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.ids import SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.core.forecaster import Forecaster
from tidegate.pipeline.decode_words import MAX_ACK_BYTES, decode_acks
from tidegate.ports import Record
from worker_rig import DEVICES, GATEWAYS, SITE, Rig, heartbeat, readings, topology, universal, values, with_limits, word

START_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


def new_rig(forecasters: dict[str, Forecaster]) -> Rig:
    clock = ManualClock(START_MS)
    return Rig(MemoryLog(clock=clock, compacted=()), clock, forecasters)


@pytest_asyncio.fixture
async def rig(forecasters: dict[str, Forecaster]) -> AsyncIterator[Rig]:
    rig = new_rig(forecasters)
    rig.start()
    await rig.send(topology())
    await rig.drained()
    yield rig
    await rig.finish()


async def letters(rig: Rig) -> list[DeadLetter]:
    return [decode(value, DeadLetter) for value in values(await rig.facts(topics.DEADLETTER))]


async def heartbeats(rig: Rig) -> dict[str, int | None]:
    views = (await rig.look()).allocator.gateway_views(SITE)
    return {view.gateway: view.heartbeat_sent_at_ms for view in views}


async def test_the_last_heartbeat_and_the_last_word_are_remembered(rig: Rig) -> None:
    active = word(AckKind.ACTIVE, "gw-a", "dev-00", 1, START_MS + 5)
    await rig.send(heartbeat("gw-a", START_MS), heartbeat("gw-b", START_MS + 1), active)
    await rig.drained()
    assert await heartbeats(rig) == {"gw-a": START_MS, "gw-b": START_MS + 1, "gw-c": None}
    assert (await rig.look()).allocator.words(SITE) == [active]
    assert await letters(rig) == []


async def test_repeats_and_overtaken_acks_change_nothing_in_whatever_order_they_come(rig: Rig) -> None:
    said = [heartbeat(gateway, START_MS + n) for gateway in GATEWAYS for n in range(5)]
    said += [
        word(kind, GATEWAYS[n % 3], DEVICES[n], 1, START_MS + 10 * n + m)
        for n in range(6)
        for m, kind in enumerate(AckKind)
        if kind is not AckKind.HEARTBEAT
    ]
    await rig.send(*said)
    await rig.drained()
    words = (await rig.look()).allocator.words(SITE)
    assert {ack.kind for ack in words} == {AckKind.REFUSED}, "the latest of each"
    before = await rig.digest()
    shuffler = random.Random(7)
    for _ in range(5):
        await rig.send(*shuffler.sample(said, len(said)))
        await rig.drained()
    assert await rig.digest() == before
    assert await letters(rig) == []


async def test_a_word_about_an_epoch_that_is_over_is_ignored_and_a_new_epoch_starts_unsaid(rig: Rig) -> None:
    await rig.send(word(AckKind.ACTIVE, "gw-b", "dev-01", 1, START_MS))
    for second in range(140):  # gw-b dies at 100, its devices move on
        rig.clock.advance(1.0)
        await rig.send(readings(second, start_ms=START_MS, silent="gw-b" if second >= 100 else None))
        await rig.drained()
    allocator = (await rig.look()).allocator
    assert allocator.words(SITE) == []
    target = allocator.gateway_of(SITE, readings(0, start_ms=0).readings[1].device)
    assert target in {"gw-a", "gw-c"}
    now = START_MS + 140_000
    await rig.send(word(AckKind.RELEASED, "gw-b", "dev-01", 1, now), word(AckKind.ACTIVE, target, "dev-01", 2, now))
    await rig.drained()
    assert [(ack.gateway, ack.kind, ack.epoch) for ack in (await rig.look()).allocator.words(SITE)] == [(target, "active", 2)]
    assert await letters(rig) == []


async def test_a_heartbeat_does_not_make_a_gateway_with_silent_devices_heard(rig: Rig) -> None:
    for second in range(140):
        rig.clock.advance(1.0)
        beat = heartbeat("gw-b", START_MS + second * 1000)
        await rig.send(beat, readings(second, start_ms=START_MS, silent="gw-b" if second >= 100 else None))
        await rig.drained()
    (view,) = [view for view in (await rig.look()).allocator.gateway_views(SITE) if view.gateway == "gw-b"]
    assert view.silent
    assert view.devices == 0, "evacuated all the same"
    assert view.heartbeat_sent_at_ms == START_MS + 139_000


GOOD = json.loads(encode(heartbeat("gw-a", START_MS)))
WORD = json.loads(encode(word(AckKind.ACTIVE, "gw-a", "dev-00", 1, START_MS)))
HOSTILE = {
    b"": "ack-invalid",
    b"\xff\x00": "ack-invalid",
    b"[" * 10_000: "ack-invalid",
    b"[]": "ack-invalid",
    b" " * (MAX_ACK_BYTES + 1): "message-too-large",
    json.dumps(GOOD | {"kind": "explode"}).encode(): "ack-invalid",
    json.dumps(GOOD | {"sent_at_ms": 10**40}).encode(): "ack-invalid",
    json.dumps(GOOD | {"schema_version": 2}).encode(): "ack-invalid",
    json.dumps(GOOD | {"gateway": "gw\x07"}).encode(): "ack-invalid",
    json.dumps(GOOD | {"gateway": "g" * 129}).encode(): "ack-invalid",
    json.dumps(GOOD | {"device": "dev-00"}).encode(): "ack-invalid",
    json.dumps(WORD | {"epoch": None}).encode(): "ack-invalid",
    json.dumps(WORD | {"epoch": -1}).encode(): "ack-invalid",
    json.dumps(WORD | {"reason": "x" * 501}).encode(): "ack-invalid",
    json.dumps(WORD | {"reason": "\x1b[2J"}).encode(): "ack-invalid",
    json.dumps(WORD | {"detail": {str(n): "" for n in range(17)}}).encode(): "ack-invalid",
    json.dumps(GOOD | {"site": "elsewhere"}).encode(): "ack-unknown",
    json.dumps(GOOD | {"gateway": "gw-nowhere"}).encode(): "ack-unknown",
    json.dumps(WORD | {"device": "dev-99"}).encode(): "ack-unknown",
    json.dumps(WORD | {"epoch": 2}).encode(): "ack-unknown",
    json.dumps(WORD | {"gateway": "gw-b"}).encode(): "ack-unknown",
    json.dumps(GOOD | {"sent_at_ms": START_MS + 3_600_000}).encode(): "clock-ahead",
    json.dumps(GOOD | {"sent_at_ms": 5}).encode(): "clock-implausible",
}


async def test_what_cannot_be_used_is_a_dead_letter_with_its_bytes_and_nothing_of_it_is_kept(rig: Rig) -> None:
    before, balance = (await rig.look()).allocator.digest(), (await rig.look()).balance
    await rig.send_raw(*HOSTILE, topic=topics.ACKS)
    await rig.drained()
    found = {letter.offset: letter for letter in await letters(rig)}
    assert [found[offset].reason for offset in range(len(HOSTILE))] == list(HOSTILE.values())
    assert [found[offset].original for offset in range(len(HOSTILE))] == list(HOSTILE)
    assert {letter.topic for letter in found.values()} == {topics.ACKS}
    assert (await rig.look()).allocator.digest() == before
    assert (await rig.look()).balance == balance, "acks are no readings"


def test_an_ack_in_a_partition_that_is_not_its_sites_is_not_heard() -> None:
    home = partition_of(SITE, 8)
    raw = encode(heartbeat("gw-a", START_MS))
    records = [Record(topics.ACKS, partition, 0, b"plant", raw, (), 0) for partition in (home, (home + 1) % 8)]
    acks = decode_acks(records, 8)
    assert len(acks.messages) == 1
    assert [letter.reason for letter in acks.letters] == ["wrong-partition"]


async def test_what_leaves_the_topology_takes_its_words_with_it(rig: Rig) -> None:
    await rig.send(heartbeat("gw-c", START_MS), word(AckKind.ACTIVE, "gw-c", "dev-02", 1, START_MS))
    await rig.drained()
    smaller = topology(2)
    assert smaller.topology is not None
    kept = [device for device in smaller.topology.devices if device.gateway != "gw-c"]
    plan = replace(smaller.topology, gateways=smaller.topology.gateways[:2], devices=kept)
    await rig.send(replace(smaller, topology=plan))
    await rig.drained()
    assert await heartbeats(rig) == {"gw-a": None, "gw-b": None}
    assert (await rig.look()).allocator.words(SITE) == []


async def story(rig: Rig, seconds: range) -> None:
    """Readings, and acks good and bad among them; the same at the same second, whoever plays it."""
    for second in seconds:
        rig.clock.advance(1.0)
        now = START_MS + second * 1000
        acks: list[Ack] = [heartbeat(GATEWAYS[second % 3], now), heartbeat("gw-nowhere", now)]
        acks.append(word(AckKind.ACTIVE, GATEWAYS[second % 3], DEVICES[second % 12], second % 3, now))
        acks.append(replace(acks[0], site=SiteId("elsewhere")))
        await rig.send(*([topology()] if second == 0 else []), *acks, readings(second, start_ms=START_MS))
        await rig.drained()


async def test_a_kill_anywhere_loses_and_doubles_no_ack(forecasters: dict[str, Forecaster]) -> None:
    calm, rough = new_rig(forecasters), with_limits(new_rig(forecasters), snapshot_batches=7)
    calm.start()
    await story(calm, range(40))
    cuts = (0, 1, 6, 20, 33, 40)
    for begin, end in zip((0, *cuts), cuts, strict=False):
        rough.start()
        await rough.drained()
        await story(rough, range(begin, end))
        if end != 40:
            await rough.kill()
    assert await rough.digest() == await calm.digest()
    assert await letters(rough) == await letters(calm)
    assert len((await calm.look()).allocator.words(SITE)) > 3
    assert None not in (await heartbeats(calm)).values()
    await rough.finish()
    await calm.finish()
