"""Gathers readings into batches of one site and hands them to a sink when they are full or when the stream waits."""

from dataclasses import dataclass

from tidegate.contracts.ids import SiteId
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.fleet.sinks import Sink

BATCH_READINGS = 1_000
"""Readings of a batch at most: large enough that a request's cost vanishes, a tenth of what the door takes."""


@dataclass
class Traffic:
    """What went out so far; read by whoever shows progress."""

    readings: int = 0
    batches: int = 0
    last_event_time_ms: int = 0


class Outbox:
    """Keeps the order in which readings are put in, per site. Holds at most `BATCH_READINGS` per site."""

    def __init__(self, sink: Sink, traffic: Traffic) -> None:
        self._sink, self._traffic = sink, traffic
        self._waiting: dict[SiteId, list[Reading]] = {}

    async def put(self, reading: Reading) -> None:
        """Add a reading; sends its site's batch when that is full."""
        waiting = self._waiting.setdefault(reading.site, [])
        waiting.append(reading)
        if len(waiting) >= BATCH_READINGS:
            await self._send(reading.site)

    async def flush(self) -> None:
        """Send everything that waits."""
        for site in [site for site, readings in self._waiting.items() if readings]:
            await self._send(site)

    async def _send(self, site: SiteId) -> None:
        readings, self._waiting[site] = self._waiting[site], []
        await self._sink.send(ReadingBatch(site, readings))
        self._traffic.readings += len(readings)
        self._traffic.batches += 1
        self._traffic.last_event_time_ms = readings[-1].event_time_ms
