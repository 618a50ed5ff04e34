"""The closed loop: send slots as their time comes, keep labels beside, follow the assignments the service makes.

Slots whose time is past (the backfill) go out at once in large batches; the others when they are due. Nothing is sent ahead of
its time, and slots are made in order whatever the service answers.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tidegate.contracts.reading import Reading
from tidegate.fleet.outbox import Outbox, Traffic
from tidegate.fleet.pace import Pace
from tidegate.fleet.placement import set_topology
from tidegate.fleet.simulator.disorder import Disorder, DisorderSpec
from tidegate.fleet.simulator.faults import Label
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.sinks import Feedback, Sink

POLL_SECONDS = 1.0
"""Seconds between two looks at the assignments: a device that lost its gateway is back about this long after the decision."""


@dataclass(frozen=True)
class Surroundings:
    """What a simulation runs against. `feedback` None: nobody answers, devices stay where they are."""

    sink: Sink
    feedback: Feedback | None
    pace: Pace
    note_label: Callable[[Label], None]
    traffic: Traffic
    disorder: DisorderSpec = field(default_factory=DisorderSpec)


async def simulate(fleet: Fleet, around: Surroundings, end_ms: int | None) -> None:
    """Register the topologies, then send slots until `end_ms` (None: for ever) while devices follow their assignments.

    Raises:
        DependencyError: the sink or the feedback does not answer within its patience.
        InputError: the sink refused what we sent.
    """
    for topology in fleet.layout.topologies:
        await around.sink.command(set_topology(topology))
    tasks = [asyncio.create_task(_send(fleet, around, end_ms))]
    if around.feedback is not None:
        tasks.append(asyncio.create_task(_follow(fleet, around.feedback)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _cancel(tasks)


async def _send(fleet: Fleet, around: Surroundings, end_ms: int | None) -> None:
    outbox, disorder = Outbox(around.sink, around.traffic), Disorder(around.disorder)
    while end_ms is None or fleet.next_moment_ms < end_ms:
        if not around.pace.is_due(fleet.next_moment_ms):
            await outbox.flush()
        await around.pace.until(fleet.next_moment_ms)
        slot = fleet.step()
        for label in slot.labels:
            around.note_label(label)
        await _deliver(disorder.pass_on(slot.readings, slot.moment_ms), outbox)
    await _deliver(disorder.rest(), outbox)
    await outbox.flush()


async def _deliver(readings: Sequence[Reading], outbox: Outbox) -> None:
    for reading in readings:
        await outbox.put(reading)


async def _follow(fleet: Fleet, feedback: Feedback) -> None:
    while True:
        for site in fleet.layout.sites:
            fleet.follow(await feedback.assignments(site))
        await asyncio.sleep(POLL_SECONDS)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
