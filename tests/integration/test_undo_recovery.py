"""Undo and questions on a running worker: killed anywhere the story ends the same, and questions leave no trace."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tidegate.adapters.adviser import InlineAdviser, ProcessAdviser
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, GatewayId, PlanId
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus
from tidegate.contracts.studies import Changes
from tidegate.core.allocation.model import AllocationView
from tidegate.core.forecaster import Forecaster
from worker_rig import SITE, Rig, readings, topology, universal, values

START_MS = 1_700_000_000_000
FACTS = (topics.DECISIONS, topics.ASSIGNMENTS, topics.OUTCOMES)


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


async def order(rig: Rig, kind: CommandKind, name: str, **fields: object) -> None:
    await rig.send(Command(CommandId(name), SITE, kind, "ada", **fields))  # type: ignore[arg-type]  # any field by name


async def decisions(rig: Rig) -> list[Decision]:
    return [decode(record.value or b"", Decision) for record in await rig.facts(topics.DECISIONS)]


async def undo(rig: Rig, name: str, plan: int = 0) -> None:
    """Undo the plan that was applied as the `plan`-th."""
    applied = [fact.plan_id for fact in await decisions(rig) if fact.status is DecisionStatus.APPLIED]
    await order(rig, CommandKind.UNDO_PLAN, name, plan_id=PlanId(applied[plan]))


GW_A = GatewayId("gw-a")
STEPS: tuple[Callable[[Rig], Awaitable[None]], ...] = (
    lambda rig: rig.send(topology()),
    lambda rig: rig.send(readings(0, start_ms=START_MS)),
    partial(order, kind=CommandKind.DRAIN, name="drain", gateway=GW_A),
    lambda rig: rig.send(readings(2, start_ms=START_MS)),
    partial(order, kind=CommandKind.UNCORDON, name="uncordon", gateway=GW_A),
    partial(undo, name="undo-1"),
    partial(undo, name="undo-2"),
    lambda rig: rig.send(readings(6, start_ms=START_MS)),
    partial(undo, name="undo-3", plan=1),
    lambda rig: rig.send(readings(8, start_ms=START_MS)),
)


async def told(forecasters: dict[str, Forecaster], kill_after: range | tuple[int, ...] = ()) -> tuple[list[bytes], str, Rig]:
    """The whole story, with the worker killed after these steps: what was said, and the state's digest."""
    clock = ManualClock(START_MS)
    rig = Rig(MemoryLog(clock=clock, compacted=()), clock, forecasters)
    rig.start()
    for index, step in enumerate(STEPS):
        await rig.drained()
        clock.advance(1.0)
        await step(rig)
        if index in kill_after:
            await rig.kill()
            rig.start()
        await rig.drained()
    facts, digest = values(await rig.facts(*FACTS)), await rig.digest()
    await rig.finish()
    return facts, digest, rig


async def test_an_undo_returns_every_device_and_the_second_one_is_refused(forecasters: dict[str, Forecaster]) -> None:
    _, _, rig = await told(forecasters)
    outcomes = {
        fact.command: fact
        for fact in (decode(record.value or b"", CommandOutcome) for record in await rig.facts(topics.OUTCOMES))
    }
    assert [outcomes[CommandId(f"undo-{n}")].accepted for n in (1, 2, 3)] == [True, False, True]
    assert "was undone by plan" in outcomes[CommandId("undo-2")].reason
    facts = await decisions(rig)
    undone = {fact.plan_id: fact for fact in facts if fact.status is DecisionStatus.UNDONE}
    assert len(undone) == 2
    assert outcomes[CommandId("undo-1")].plan_id in undone, "the undo was itself undone"
    history: dict[str, list[str | None]] = {}
    for record in await rig.facts(topics.ASSIGNMENTS):
        assignment = decode(record.value or b"", Assignment)
        if not assignment.is_renewal:
            history.setdefault(assignment.device, []).append(assignment.gateway)
    moved = [places for places in history.values() if len(places) > 1]
    assert moved
    assert all(places[0] == places[2] == "gw-a" and places[1] == places[3] != "gw-a" for places in moved)


@pytest.mark.parametrize("kill_after", [(5,), (4, 6), tuple(range(len(STEPS)))], ids=str)
async def test_a_kill_in_the_middle_of_an_undo_changes_no_fact(
    forecasters: dict[str, Forecaster], kill_after: tuple[int, ...]
) -> None:
    facts, digest, _ = await told(forecasters)
    again, same, _ = await told(forecasters, kill_after)
    assert again == facts
    assert same == digest


async def test_questions_get_the_same_answers_from_the_process_as_in_place_and_leave_no_trace(
    forecasters: dict[str, Forecaster],
) -> None:
    clock = ManualClock(START_MS)
    rig = Rig(MemoryLog(clock=clock, compacted=()), clock, forecasters)
    rig.start()
    await rig.send(topology(), readings(0, start_ms=START_MS))
    await rig.drained()
    assert rig.worker is not None
    digest, ends = await rig.digest(), len(await rig.facts(*FACTS))
    view: AllocationView = await rig.worker.call(lambda partition: partition.allocation(SITE))
    there, here = ProcessAdviser(), InlineAdviser()
    try:
        for changes in (Changes(), Changes(fail=[GW_A]), Changes(scale=50.0)):
            assert await there.study(view, changes) == await here.study(view, changes)
        device = view.request.topology.devices[0].id if view.request is not None else ""
        assert await there.why_not(view, device, None) == await here.why_not(view, device, None)
        assert await there.headroom(view) == await here.headroom(view)
    finally:
        await there.close()
    assert await rig.digest() == digest
    assert len(await rig.facts(*FACTS)) == ends
    await rig.finish()
