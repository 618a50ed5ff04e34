"""Everything that happens while the service runs: bulk, a stop, a kill, a drained gateway, a steady part, a last look.

Sees the service only through its door. Writes down what it saw and judges nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, GatewayId
from tidegate_training.evaluate.acceptance.client import Door, Sent
from tidegate_training.evaluate.acceptance.fleet import DEMAND, MACHINES, Fleet, Site
from tidegate_training.evaluate.acceptance.process import ServiceProcess

STOP_AT: Final = 0.25
"""Share of the readings scored when the service is stopped politely, which leaves a snapshot."""

KILL_AT: Final = 0.5
"""Share of the readings scored when the service is killed with signal 9."""

REPEATED: Final = 500
"""Readings of each site that are sent twice on purpose, the last of its bulk: none may count twice."""

PACED_SHARE: Final = 0.05
"""Share of each site's readings, its last, that are kept back and sent at a steady rate to measure latency."""

PACED_LOAD: Final = 0.3
"""Rate of the steady part over the measured capacity (spec: performance, latency at 30 % load)."""

PACED_POST: Final = 100
"""Readings per request of the steady part."""

POLL_SECONDS: Final = 0.2
"""Between two looks at the summary: each look takes its turn with the core."""

PLAN_SECONDS: Final = 60.0
"""How long the drained gateway's plan is waited for: a fast machine has scored everything before a planner has started."""

SETTINGS: Final = {
    # Snapshots at clean stops only: a snapshot in between would trim the journal the rerun needs from its first batch on.
    "TIDEGATE_WORKER__SNAPSHOT_BATCHES": "1000000",
    "TIDEGATE_WORKER__SNAPSHOT_READINGS": "1000000000",
    # Small, so that the door's back-pressure is part of the run.
    "TIDEGATE_API__MAX_PENDING_RECORDS": "32",
    # The trace runs a thousand times faster than the clock the allocator counts by.
    "TIDEGATE_ALLOCATION__PERIOD_SECONDS": "10",
    "TIDEGATE_ALLOCATION__COOLDOWN_SECONDS": "5",
    "TIDEGATE_LOGGING__LEVEL": "warning",
}
"""What the service runs with, beside its defaults."""

Progress = Callable[[str, int, int], None]
"""Told what is under way, how much of it is done and how much there is."""


@dataclass(slots=True)
class Observed:
    """What was seen from outside. `paced_from` is the log offset at which the steady part begins."""

    sent: dict[str, Sent] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    anomalies: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    bulk_readings: int = 0
    bulk_seconds: float = 0.0
    paced_from: int = 0
    starts_seconds: list[float] = field(default_factory=list)

    @property
    def capacity(self) -> float:
        """Readings per second while the service was up and had something to do."""
        return self.bulk_readings / self.bulk_seconds


class LiveRun:
    """One run of `fleet` through `service`, from start to clean stop."""

    def __init__(self, fleet: Fleet, service: ServiceProcess, progress: Progress) -> None:
        self._fleet = fleet
        self._service = service
        self._progress = progress
        self._seen = Observed(sent={site.id: Sent() for site in fleet.sites})

    async def run(self) -> Observed:
        """Run it.

        Raises:
            DependencyError: the service did not start, stop or answer.
        """
        await self._service.start()
        async with Door.open(self._service.url) as door:
            await door.command(self._command("topology", CommandKind.SET_TOPOLOGY, topology=self._fleet.scenario.topology))
            senders = [asyncio.create_task(self._send_bulk(site)) for site in self._fleet.sites]
            await self._interrupt(door)
            async with self._measured(door):
                await self._until_idle(door, senders)
            await self._until_planned(door)
            self._seen.paced_from = max(sent.next_offset for sent in self._seen.sent.values())
            await self._until_idle(door, [asyncio.create_task(self._send_paced(site)) for site in self._fleet.sites])
            await self._look(door)
        await self._service.stop()
        self._seen.starts_seconds = self._service.starts_seconds
        return self._seen

    async def _interrupt(self, door: Door) -> None:
        """A polite stop, a `kill -9`, then a drained gateway, while the senders go on."""
        async with self._measured(door):
            await self._until_scored(door, STOP_AT)
        await self._service.stop()
        await self._service.start()
        async with self._measured(door):
            await self._until_scored(door, KILL_AT)
        await self._service.kill()
        await self._service.start()
        await door.command(self._command("drain", CommandKind.DRAIN, gateway=busiest(self._fleet)))

    async def _send_bulk(self, site: Site) -> None:
        sent = self._seen.sent[site.id]
        async with Door.open(self._service.url) as door:
            await door.send(site.bodies(0, kept_back(site)), sent)
            # As a producer does that missed the answer to its last request.
            await door.send_again(site.bodies(max(kept_back(site) - REPEATED, 0), kept_back(site)), sent)

    async def _send_paced(self, site: Site) -> None:
        """The readings kept back; all sites together at `PACED_LOAD` of the capacity, and ending together."""
        left = sum(len(each) - kept_back(each) for each in self._fleet.sites)
        rate = PACED_LOAD * self._seen.capacity * (len(site) - kept_back(site)) / left
        async with Door.open(self._service.url) as door:
            await door.send(site.bodies(kept_back(site), len(site), PACED_POST), self._seen.sent[site.id], rate)

    async def _look(self, door: Door) -> None:
        """What REST says at the end."""
        self._seen.summary = await door.get("/v1/summary")
        self._seen.anomalies = [item for site in MACHINES for item in await door.everything("/v1/anomalies", site=site)]
        self._seen.decisions = await door.everything("/v1/decisions", site=DEMAND)

    @asynccontextmanager
    async def _measured(self, door: Door) -> AsyncIterator[None]:
        """Count what is scored within the block, and the time it takes, as bulk."""
        before, began = await self._scored(door), time.perf_counter()
        yield
        self._seen.bulk_readings += await self._scored(door) - before
        self._seen.bulk_seconds += time.perf_counter() - began

    async def _until_scored(self, door: Door, share: float) -> None:
        while await self._scored(door) < share * self._fleet.readings:  # noqa: ASYNC110  # another process; it sends no event
            await asyncio.sleep(POLL_SECONDS)

    async def _until_idle(self, door: Door, senders: Sequence["asyncio.Task[None]"]) -> None:
        """Until all senders are done and nothing waits; a sender's error is raised here."""
        while not all(sender.done() for sender in senders) or (await door.get("/v1/summary"))["pending"] > 0:
            for sender in senders:
                if sender.done():
                    sender.result()
            await self._scored(door)
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.gather(*senders)

    async def _until_planned(self, door: Door) -> None:
        """Until a decision is there; without one in time the run goes on, and its verdict tells that no plan was made."""
        deadline = time.perf_counter() + PLAN_SECONDS
        while time.perf_counter() < deadline:
            if await door.everything("/v1/decisions", site=DEMAND):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _scored(self, door: Door) -> int:
        scored = int((await door.get("/v1/summary"))["balance"]["scored"])
        self._progress("readings scored", scored, self._fleet.readings)
        return scored

    def _command(self, name: str, kind: CommandKind, **fields: Any) -> Command:
        return Command(CommandId(f"acceptance-{name}"), self._fleet.scenario.topology.site, kind, "acceptance", **fields)


def kept_back(site: Site) -> int:
    """Where in its order the steady part of `site` begins."""
    return len(site) - int(PACED_SHARE * len(site))


def busiest(fleet: Fleet) -> GatewayId:
    """The gateway most devices start at; the first by name of several."""
    names = [device.gateway for device in fleet.scenario.topology.devices if device.gateway is not None]
    return max(sorted(set(names)), key=names.count)
