"""That an answer from the read model has everything that was committed when it was asked for: what a lease is counted on."""

import asyncio
from typing import Final

from tidegate.api.dependencies import Door
from tidegate.contracts import topics
from tidegate.contracts.paging import PageRequest
from tidegate.contracts.partitioner import partition_of
from tidegate.errors import DependencyError

PATIENCE_SECONDS: Final = 5.0
"""For which the read model is waited for; it is a moment behind as a rule, and an answer later than this renews little."""

PAUSE_SECONDS: Final = 0.02
"""Between two looks at how far it is."""


async def when_caught_up(door: Door, site: str) -> None:
    """Return once the read model has every assignment of `site` that was committed when this was called.

    Raises:
        DependencyError: log or read model cannot be read, or the read model is too far behind.
    """
    log, clock = door.ports.log, door.ports.clock
    partition = partition_of(site, log.partitions)
    end = await log.end_offset(topics.ASSIGNMENTS, partition)
    give_up = clock.monotonic() + PATIENCE_SECONDS
    while not await _has(door, partition, end):
        if clock.monotonic() >= give_up:
            raise DependencyError(
                f"the read model is more than {PATIENCE_SECONDS:g} s behind partition {partition}", advice="ask again in a moment"
            )
        await asyncio.sleep(PAUSE_SECONDS)


async def _has(door: Door, partition: int, end: int) -> bool:
    """Whether it was read up to `end`, or up to where no record is left: a transaction's marker is none."""
    page = await door.ports.views.assignments(PageRequest(1))
    read = page.as_of.offsets.get(topics.ASSIGNMENTS, [])
    position = read[partition] if partition < len(read) else 0
    if position >= end:
        return True
    position = max(position, await door.ports.log.start_offset(topics.ASSIGNMENTS, partition))
    return not await door.ports.log.read(topics.ASSIGNMENTS, partition, position, max_records=1, max_bytes=1)
