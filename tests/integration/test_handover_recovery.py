"""A hand-over on a running worker: killed in any phase it ends the same, and what nobody may say is a dead letter."""

from collections.abc import Awaitable, Callable

import pytest

from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.plan import Assignment, Phase
from tidegate.core.forecaster import Forecaster
from worker_rig import GATEWAYS, SITE, Rig, topology, universal, values, word

START_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


async def standing(rig: Rig) -> list[Assignment]:
    return (await rig.look()).allocator.assignments(SITE)


async def follow(rig: Rig) -> None:
    await rig.send(*(Ack(SITE, name, AckKind.HEARTBEAT, START_MS, leases=True) for name in GATEWAYS))


async def drain(rig: Rig) -> None:
    await rig.send(Command("drain", SITE, CommandKind.DRAIN, "ada", gateway=GATEWAYS[0]))  # type: ignore[arg-type]


async def reserve(rig: Rig) -> None:
    coming = [(each.device, each.coming) for each in await standing(rig) if each.coming is not None]
    await rig.send(*(word(AckKind.RESERVED, to.gateway, device, to.epoch, START_MS + 1) for device, to in coming))


async def intrude(rig: Rig) -> None:
    """Strangers, epochs that were never given, and a clock that is ahead."""
    revoked = next(each for each in await standing(rig) if each.phase is Phase.REVOKING)
    await rig.send(
        word(AckKind.RELEASED, "gw-z", revoked.device, revoked.epoch, START_MS + 2),
        word(AckKind.RELEASED, GATEWAYS[0], revoked.device, revoked.epoch + 9, START_MS + 2),
        word(AckKind.RELEASED, GATEWAYS[0], revoked.device, revoked.epoch, START_MS + 10_000_000),
    )


async def release_one(rig: Rig) -> None:
    revoked = sorted((each for each in await standing(rig) if each.phase is Phase.REVOKING), key=lambda each: each.device)
    await rig.send(word(AckKind.RELEASED, GATEWAYS[0], revoked[0].device, revoked[0].epoch, START_MS + 3))


async def pass_on(rig: Rig) -> None:
    await rig.send(Ack(SITE, GATEWAYS[1], AckKind.HEARTBEAT, START_MS + 4, leases=True))


STEPS: tuple[tuple[float, Callable[[Rig], Awaitable[None]]], ...] = (
    (1, lambda rig: rig.send(topology())),
    (2, follow),
    (2, drain),
    (2, pass_on),
    (2, reserve),
    (2, pass_on),
    (2, intrude),
    (2, release_one),
    (2, pass_on),
    (70, pass_on),
    (2, pass_on),
)


async def told(forecasters: dict[str, Forecaster], kill_after: tuple[int, ...] = ()) -> tuple[list[bytes], str, Rig]:
    clock = ManualClock(START_MS)
    rig = Rig(MemoryLog(clock=clock, compacted=()), clock, forecasters)
    rig.start()
    for index, (seconds, step) in enumerate(STEPS):
        await rig.drained()
        clock.advance(seconds)
        await step(rig)
        if index in kill_after:
            await rig.kill()
            rig.start()
        await rig.drained()
    facts, digest = values(await rig.facts(topics.ASSIGNMENTS, topics.DECISIONS)), await rig.digest()
    await rig.finish()
    return facts, digest, rig


async def test_devices_go_over_one_by_its_word_and_the_others_by_their_lease(forecasters: dict[str, Forecaster]) -> None:
    _, _, rig = await told(forecasters)
    facts = [decode(record.value or b"", Assignment) for record in await rig.facts(topics.ASSIGNMENTS)]
    moved = {each.device for each in facts if each.phase is Phase.REVOKING}
    assert moved
    for device in moved:
        phases = [each.phase for each in facts if each.device == device]
        assert phases[-3:] == [Phase.RESERVING, Phase.REVOKING, Phase.ACTIVE]
    ends = {each.device: each.assigned_at_ms for each in facts if each.device in moved and each.epoch == 2}
    released, *waited = sorted(ends.values())
    assert all(end - released >= 60_000 for end in waited)


async def test_what_nobody_may_say_is_a_dead_letter_and_moves_nobody(forecasters: dict[str, Forecaster]) -> None:
    _, _, rig = await told(forecasters)
    letters = [decode(value, DeadLetter) for value in values(await rig.facts(topics.DEADLETTER))]
    assert [letter.reason for letter in letters] == [
        DeadLetterReason.ACK_UNKNOWN,
        DeadLetterReason.ACK_UNKNOWN,
        DeadLetterReason.CLOCK_AHEAD,
    ]


async def test_killed_after_every_step_it_ends_the_same(forecasters: dict[str, Forecaster]) -> None:
    facts, _, _ = await told(forecasters)
    again, _, _ = await told(forecasters, tuple(range(len(STEPS))))
    assert again == facts
