"""The worker on a log: readings to facts, commands to decisions, bad input to dead letters, and every reading in the balance."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.ids import CommandId
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus, Trigger
from tidegate.contracts.views import Balance
from tidegate.core.forecaster import Forecaster
from tidegate.errors import LogFullError
from worker_rig import DEVICES, GATEWAYS, SITE, Rig, readings, topology, universal, values


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


@pytest_asyncio.fixture
async def rig(forecasters: dict[str, Forecaster]) -> AsyncIterator[Rig]:
    clock = ManualClock()
    rig = Rig(MemoryLog(clock=clock), clock, forecasters)
    rig.start()
    yield rig
    if rig.task is not None and not rig.task.done():
        await rig.finish()


async def play(rig: Rig, seconds: range, *, silent: str | None = None, spike: str | None = None) -> None:
    """One batch of readings a second, the clock along with them."""
    for second in seconds:
        rig.clock.advance(1.0)
        await rig.send(readings(second, start_ms=1_700_000_000_000, silent=silent, spike=spike))
        await rig.drained()


async def test_a_spike_becomes_an_explained_anomaly(rig: Rig) -> None:
    await play(rig, range(300))
    assert await rig.facts(topics.ANOMALIES) == []
    await play(rig, range(300, 301), spike="dev-05")
    (opened,) = [json.loads(value) for value in values(await rig.facts(topics.ANOMALIES))]
    assert (opened["device"], opened["status"], opened["metrics"]) == ("dev-05", "opened", ["load"])
    assert opened["reasons"][0]["observed"] > 5000
    assert opened["reasons"][0]["expected"] < 200


async def test_a_dead_gateway_is_one_incident_and_its_devices_are_served_again(rig: Rig) -> None:
    await rig.send(topology())
    await play(rig, range(120))
    await play(rig, range(120, 140), silent="gw-a")
    incidents = [json.loads(value) for value in values(await rig.facts(topics.INCIDENTS))]
    assert {incident["id"] for incident in incidents} == {incidents[0]["id"]}
    assert incidents[0]["gateway"] == "gw-a"
    decisions = [decode(value, Decision) for value in values(await rig.facts(topics.DECISIONS))]
    evacuation = [one for one in decisions if one.trigger is Trigger.GATEWAY_DOWN]
    assert [one.status for one in evacuation] == [DecisionStatus.PROPOSED, DecisionStatus.APPROVED, DecisionStatus.APPLIED]
    latest = {one.device: one for one in (decode(v, Assignment) for v in values(await rig.facts(topics.ASSIGNMENTS)))}
    assert {one.gateway for one in latest.values()} == {"gw-b", "gw-c"}
    assert all(latest[name].epoch == 2 for name in DEVICES[:: len(GATEWAYS)])


async def test_what_cannot_be_used_becomes_a_dead_letter_and_the_balance_is_exact(rig: Rig) -> None:
    good = encode(readings(0, start_ms=1_700_000_000_000))
    one = json.loads(good)["readings"][0]
    hostile = [
        b"not json",
        b"\xff\x00",
        json.dumps(one | {"profile": "nobody", "device": "x1"}).encode(),
        json.dumps(one | {"metrics": {"unheard": 1.0}, "device": "x2"}).encode(),
        json.dumps(one | {"metrics": {"load": 1e300}, "device": "x3"}).encode(),
        json.dumps(one | {"event_time_ms": 5}).encode(),
        json.dumps(one | {"event_time_ms": 4_070_908_800_000}).encode(),
        json.dumps(one | {"device": "bell\x07"}).encode(),
        json.dumps(one | {"device": "x" * 10_000}).encode(),
    ]
    await rig.send_raw(good, *hostile, good)
    await rig.drained()
    letters = [decode(value, DeadLetter) for value in values(await rig.facts(topics.DEADLETTER))]
    assert sorted(letter.reason for letter in letters) == [
        "bad-identifier",
        "clock-ahead",
        "clock-implausible",
        "no-known-metric",
        "not-json",
        "not-json",
        "schema-mismatch",
        "unknown-profile",
        "value-out-of-bounds",
    ]
    assert [letter.original for letter in letters if letter.offset == 1] == [b"not json"]
    balance = (await rig.look()).balance
    assert balance == Balance(received=24 + len(hostile), scored=12, duplicate=12, quarantined=2, dead_lettered=7)


async def test_each_command_gets_one_outcome_and_a_repeat_gets_none(rig: Rig) -> None:
    drain = Command(CommandId("d1"), SITE, CommandKind.DRAIN, gateway=None)
    unknown = json.loads(encode(drain)) | {"gateway": "gw-nowhere"}
    early = decode(json.dumps(unknown | {"id": "early"}).encode(), Command)
    await rig.send(early, topology(), topology(), decode(json.dumps(unknown).encode(), Command))
    await rig.drained()
    outcomes = [decode(value, CommandOutcome) for value in values(await rig.facts(topics.OUTCOMES))]
    assert [(one.command, one.accepted) for one in outcomes] == [("early", False), ("topology-1", True), ("d1", False)]
    assert "set-topology first" in outcomes[0].reason
    assert "gw-nowhere" in outcomes[2].reason


async def test_a_full_disk_stops_progress_loses_nothing_and_heals(rig: Rig) -> None:
    assert isinstance(rig.log, MemoryLog)
    assert rig.worker is not None
    await play(rig, range(3))
    for _ in range(5):
        rig.log.fail("commit", LogFullError("the disk is full", advice="make room"))
    await play(rig, range(3, 4))
    assert rig.worker.progress.not_ready() == []
    await play(rig, range(4, 6))
    assert (await rig.look()).balance == Balance(received=6 * 12, scored=6 * 12)


async def test_a_commit_that_held_although_it_raised_is_not_made_twice(rig: Rig) -> None:
    assert isinstance(rig.log, MemoryLog)
    await play(rig, range(300))
    rig.log.fail("commit", LogFullError("time-out"), written=True)
    await play(rig, range(300, 303), spike="dev-05")
    journal = [json.loads(value)["sequence"] for value in values(await rig.facts(topics.JOURNAL))]
    assert journal == list(range(len(journal)))
    opened = [value for value in values(await rig.facts(topics.ANOMALIES)) if b'"opened"' in value]
    assert len(opened) == len(set(opened)) == 1


async def test_without_input_the_worker_still_ticks_and_stays_ready(rig: Rig) -> None:
    assert rig.worker is not None
    await play(rig, range(1))
    for expected in range(2, 6):
        rig.clock.advance(1.0)
        async with asyncio.timeout(10):
            while len(await rig.facts(topics.JOURNAL)) < expected:
                await rig.log.wait(0.05)
    assert rig.worker.progress.not_ready() == []


async def test_a_worker_that_stops_committing_is_neither_ready_nor_alive(rig: Rig) -> None:
    assert isinstance(rig.log, MemoryLog)
    assert rig.worker is not None
    await play(rig, range(1))
    rig.log.pause()
    rig.clock.advance(31.0)
    assert not rig.worker.progress.alive()
    assert "no sign of life for 31 s" in rig.worker.progress.not_ready()[0]
    rig.log.resume()
    await rig.drained()
    assert rig.worker.progress.alive()
