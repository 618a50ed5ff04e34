"""A gateway's assignments, at once or when they change: the long poll."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final

from tidegate.api.dependencies import Door
from tidegate.api.etags import names, tag_of
from tidegate.api.gateway_bell import Place
from tidegate.contracts import topics
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import Assignment

CATCH_UP_SECONDS: Final = 0.02
"""Until the second look at a read model that does not have yet what we were rung about; then twice as long each time."""

CATCH_UP_MOST: Final = 0.4
"""Beyond such a pause we wait for the next ring: a read model that is down must not be asked on and on, and one on Kafka never
reads up to the end, where a transaction's marker stands. What it still misses is in the next answer."""

Ask = Callable[[], Awaitable[Page[Assignment]]]


def page_tag(page: Page[Assignment]) -> str:
    """The entity tag of a page: of who is on it, where it stands and under which epochs, and of where it ends; not of how
    fresh it is."""
    hasher = blake2b(digest_size=12)
    for each in page.items:
        stand = (each.site, each.device, each.epoch, each.phase, each.lease_ms, each.coming and each.coming.epoch)
        hasher.update(("\0".join(map(str, stand)) + "\n").encode("utf-8", "surrogatepass"))
    hasher.update((page.next_cursor or "").encode())
    return tag_of(hasher.hexdigest())


async def when_changed(door: Door, gateway: str, ask: Ask, seen: str, seconds: float) -> Page[Assignment]:
    """The answer of `ask` once its tag is not in `seen`, or after `seconds` whatever it is.

    Raises:
        OverloadedError: too many wait already.
        DependencyError: log or read model cannot be read.
    """
    clock, bell = door.ports.clock, door.bell
    end = clock.monotonic() + seconds
    async with bell.watch(gateway) as watch:
        registered, pause = False, CATCH_UP_SECONDS
        while True:
            page = await ask()
            left = end - clock.monotonic()
            if left <= 0 or not names(seen, page_tag(page)):
                return page
            if pause < CATCH_UP_MOST and _is_behind(page, watch.place):
                await asyncio.sleep(min(left, pause))
                pause *= 2
            elif not registered:
                # Once more: what left the gateway since we asked is told of under its new one's name, which we did not hear.
                bell.about(watch, page.items)
                registered = True
                watch.place, pause = bell.place(), CATCH_UP_SECONDS
            elif await watch.rung(left):
                pause = CATCH_UP_SECONDS


def _is_behind(page: Page[Assignment], place: Place) -> bool:
    """Whether the read model has not come to `place` yet."""
    read = page.as_of.offsets.get(topics.ASSIGNMENTS, [])
    return any(partition >= len(read) or read[partition] < offset for partition, offset in place.items())
