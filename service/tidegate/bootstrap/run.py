"""Runs a service until it is told to stop.

Start order: log, bundles, membership, workers (restore), door. Stop order, within one time budget: the door closes, each
worker finishes its batch and leaves a snapshot, the process leaves the group, the planner's process ends, the log closes.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from tidegate.bootstrap.service import NOTHING_GIVEN, Service, build_service
from tidegate.bootstrap.tasks import cancel
from tidegate.settings import Settings
from tidegate.settings.sources import Gathered

_log = structlog.get_logger(__name__)


async def run_service(
    settings: Settings,
    stop: asyncio.Event,
    on_listening: Callable[[str], None] = lambda _: None,
    gathered: Gathered = NOTHING_GIVEN,
) -> None:
    """Build the service, call `on_listening` with its URL, run until `stop` is set or a part fails, and shut down in order.

    Raises:
        ConfigurationError: settings or profiles cannot be used, or the port is taken.
        BundleError: a bundle is missing or not what its manifest says.
        DependencyError: the log cannot be opened, or a part failed while running.
    """
    async with AsyncExitStack() as stack:
        service = await build_service(settings, stack, gathered)
        on_listening(service.url)
        await _run(service, stop)


async def _run(service: Service, stop: asyncio.Event) -> None:
    workers_stop = asyncio.Event()
    workers = asyncio.create_task(service.workers.run(workers_stop), name="workers")
    door = asyncio.create_task(service.server.serve(sockets=[service.listener]), name="door")
    waiting = asyncio.create_task(stop.wait(), name="stop")
    parts = [workers, door]
    if "api" in service.settings.roles:
        parts.append(asyncio.create_task(service.follower.run(), name="history"))
        parts.append(asyncio.create_task(service.feed.run(), name="feed"))
    if service.teller is not None:
        parts.append(asyncio.create_task(service.teller.run(), name="alerts"))
    if service.crew is not None:
        parts.append(asyncio.create_task(service.crew.run(), name="crew"))
    try:
        done, _ = await asyncio.wait([waiting, *parts], return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping", because=", ".join(task.get_name() for task in done))
        await _shut_down(service, door, workers, workers_stop)
        for task in done - {waiting}:
            if task.exception() is not None:
                await task
    finally:
        await cancel([waiting, *parts])


async def _shut_down(
    service: Service, door: "asyncio.Task[None]", workers: "asyncio.Task[None]", workers_stop: asyncio.Event
) -> None:
    budget = service.settings.worker.shutdown_seconds
    service.server.should_exit = True
    try:
        async with asyncio.timeout(budget):
            await asyncio.wait([door])
            workers_stop.set()
            await asyncio.wait([workers])
    except TimeoutError:
        # Safe: an unfinished batch was not committed, and a missing snapshot only lengthens the next replay.
        _log.warning("shutdown_cut_short", budget_seconds=budget)
