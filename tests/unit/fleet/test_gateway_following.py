"""What a gateway may serve and has to say, by what it read and when."""

import asyncio
from dataclasses import replace

import pytest

from tidegate.adapters.memory.log import MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.plan import Assignment, Coming, Phase
from tidegate.fleet.gateway.agent import Agent, Change
from tidegate.fleet.gateway.doors import LogGatewayDoor
from tidegate.fleet.gateway.following import FULL, Following
from tidegate.ports import Outgoing


def fact(
    device: str = "a",
    gateway: str | None = "g1",
    epoch: int = 3,
    phase: Phase = Phase.ACTIVE,
    coming: Coming | None = None,
    lease_ms: int | None = 60_000,
) -> Assignment:
    return Assignment("north", device, gateway, epoch, {}, phase, None, 0, "test", coming=coming, lease_ms=lease_ms)


def following(*facts: Assignment, at: float = 100.0, **options: object) -> Following:
    made = Following("north", "g1", **options)  # type: ignore[arg-type]  # whatever the test gives
    made.learn(facts, at)
    return made


def said(agent: Following, at: float = 100.0) -> set[tuple[AckKind, str | None, int | None]]:
    return {(word.kind, word.device, word.epoch) for word in agent.words(0, at)}


def test_it_serves_until_the_lease_is_over_from_when_it_asked() -> None:
    agent = following(fact(), at=100.0)
    assert set(agent.served(159.9)) == {"a"}
    assert agent.served(160.0) == {}
    agent.learn([fact()], 155.0)
    assert set(agent.served(214.9)) == {"a"}


def test_without_a_lease_it_serves_only_if_that_is_asked_for() -> None:
    assert following(fact(lease_ms=None)).served(100.0) == {}
    assert set(following(fact(lease_ms=None), without_lease=True).served(1e9)) == {"a"}


def test_the_old_gateway_serves_on_while_room_is_reserved_and_stops_when_it_is_revoked() -> None:
    coming = Coming("g2", 4, {})
    assert set(following(fact(phase=Phase.RESERVING, coming=coming)).served(101.0)) == {"a"}
    revoked = following(fact(phase=Phase.REVOKING, coming=coming))
    assert (revoked.served(101.0), said(revoked)) == ({}, {(AckKind.RELEASED, "a", 3)})


def test_the_new_gateway_reserves_and_serves_nothing_yet() -> None:
    agent = following(fact(gateway="g2", phase=Phase.RESERVING, coming=Coming("g1", 4, {})))
    assert (agent.served(101.0), said(agent)) == ({}, {(AckKind.RESERVED, "a", 4)})


def test_a_grant_that_was_renewed_counts_at_once_under_the_same_epoch() -> None:
    agent = following(fact())
    agent.learn([replace(fact(), grant={"cpu_millicores": 250.0}, granted_at_ms=101_000)], 101.0)
    assert {device: (each.epoch, each.grant) for device, each in agent.served(102.0).items()} == {
        "a": (3, {"cpu_millicores": 250.0})
    }
    assert said(agent, 102.0) == {(AckKind.ACTIVE, "a", 3)}


def test_what_is_not_named_any_more_is_stopped_and_released_until_that_is_said() -> None:
    agent = following(fact())
    agent.learn([], 101.0)
    assert (agent.served(101.0), said(agent)) == ({}, {(AckKind.RELEASED, "a", 3)})
    agent.learn([], 102.0)
    assert said(agent) == {(AckKind.RELEASED, "a", 3)}, "it was not heard yet, for all it knows"
    agent.forget(agent.words(0, 102.0))
    assert said(agent) == set()


def test_after_a_restart_nothing_is_released_that_it_does_not_read_to_be_revoked() -> None:
    assert said(following()) == set()


def test_who_has_no_room_says_so_and_stays_by_it() -> None:
    coming = [fact(name, "g2", phase=Phase.RESERVING, coming=Coming("g1", 4, {})) for name in ("b", "c")]
    agent = following(fact(), *coming, most_devices=2)
    assert said(agent) == {(AckKind.ACTIVE, "a", 3), (AckKind.RESERVED, "b", 4), (AckKind.REFUSED, "c", 4)}
    assert {word.reason for word in agent.words(0, 100.0) if word.kind is AckKind.REFUSED} == {FULL}
    agent.learn([coming[1]], 101.0)
    assert (AckKind.REFUSED, "c", 4) in said(agent)


def test_assignments_of_another_site_are_not_its_own() -> None:
    other = Following("south", "g1")
    other.learn([fact()], 0.0)
    assert other.served(1.0) == {}


@pytest.mark.parametrize("epoch", [3, 4])
def test_a_new_epoch_begins_anew(epoch: int) -> None:
    agent = following(fact())
    agent.learn([fact(epoch=epoch)], 101.0)
    assert agent.served(101.0)["a"].epoch == epoch
    assert said(agent) == {(AckKind.ACTIVE, "a", epoch)}


async def _write(log: MemoryLog, *facts: Assignment) -> None:
    await log.append([Outgoing(topics.ASSIGNMENTS, 0, f"{each.site}/{each.device}".encode(), encode(each)) for each in facts])


async def _acks(log: MemoryLog) -> list[Ack]:
    return [decode(record.value or b"", Ack) for record in await log.read(topics.ACKS, 0, 0, max_records=100, max_bytes=1 << 20)]


async def _until_said(log: MemoryLog, kind: AckKind) -> None:
    async with asyncio.timeout(10):
        while kind not in [ack.kind for ack in await _acks(log)]:
            await log.wait(1.0)


async def test_over_the_topics_it_stops_before_it_says_so() -> None:
    log, told = MemoryLog(1), list[Change]()
    agent = Agent(Following("north", "g1"), LogGatewayDoor(lambda: _opened(log), "north", "g1"), told.append, 0.1)
    working = asyncio.create_task(agent.run())
    await _write(log, fact(), fact("b", "g2"))
    await _until_said(log, AckKind.ACTIVE)
    assert agent.serves("a")
    assert not agent.serves("b")
    await _write(log, fact(phase=Phase.REVOKING, coming=Coming("g2", 4, {})))
    await _until_said(log, AckKind.RELEASED)
    assert [(change.served, change.device) for change in told] == [(True, "a"), (False, "a")]
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    beat = next(ack for ack in await _acks(log) if ack.kind is AckKind.HEARTBEAT)
    assert beat.leases


async def _opened(log: MemoryLog) -> MemoryLog:
    return log
