"""The partitions of this process: a worker for each that is ours, for as long as it is.

A term is the time from a partition's being given to us until it is given to another, or its worker ends. Within a term:
  1. take over: whoever committed before can commit no more, and what it had under way is settled,
  2. restore from what is committed by then, 3. work.
A term that ends takes the state in memory with it. State outlives a rebalance only where the partition stayed ours, and that
it is still right then is not assumed: had anyone taken over in between, the next commit would be refused.

While the group shares out anew, work goes on: the wait for a dead member must not stop the living, and a commit made too late
is refused by the log (docs/decisions/0011).
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import structlog

from tidegate.errors import BundleError, DependencyError, LogInUseError, OwnerReplacedError, StateLostError
from tidegate.pipeline.worker import PartitionWorker
from tidegate.ports import Log, Membership, Metrics

_log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 1.0
"""Seconds until a partition whose take-over or restore failed is tried again."""


class MakeWorker(Protocol):
    """Makes the worker of a partition, which asks `may_take_over` before it settles a commit."""

    def __call__(self, index: int, *, may_take_over: Callable[[], bool]) -> PartitionWorker:
        """A worker that has not run yet."""
        ...


class Workers:
    """Follows `membership`, partition by partition."""

    def __init__(
        self, log: Log, membership: Membership, metrics: Metrics, make: MakeWorker, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self.partitions = log.partitions
        self._log = log
        self._membership = membership
        self._metrics = metrics
        self._make = make
        self._retry_seconds = retry_seconds
        self._working: dict[int, PartitionWorker] = {}
        self._held_up: dict[int, str] = {}

    @property
    def working(self) -> Mapping[int, PartitionWorker]:
        """The workers of this moment by partition, those that restore included."""
        return self._working

    def alive(self) -> bool:
        """True while every worker's loop goes round."""
        return all(worker.progress.alive() for worker in self._working.values())

    def not_ready(self) -> list[str]:
        """What keeps this process from making progress; empty means ready, also when the group gave us no partition."""
        share = self._membership.share
        if not share.partitions and not share.settled:
            return [f"waiting for the group to share out its partitions{f': {share.trouble}' if share.trouble else ''}"]
        reasons = []
        for index in sorted(share.partitions | self._working.keys()):
            reasons += [f"partition {index}: {reason}" for reason in self.held_up(index)]
        return reasons

    def worker(self, index: int) -> PartitionWorker:
        """The worker of partition `index`.

        Raises:
            DependencyError: this process does not work it, or not yet.
        """
        worker = self._working.get(index)
        if worker is None and index in self._membership.share.partitions:
            raise DependencyError(f"partition {index} is about to be taken over", advice="try again in a moment")
        if worker is None:
            raise DependencyError(
                f"partition {index} is worked by another process of the group",
                advice="ask that one; /v1/partitions of each says what it works",
            )
        return worker

    def held_up(self, index: int) -> list[str]:
        """What keeps partition `index` from making progress here."""
        worker = self._working.get(index)
        return [self._held_up.get(index, "about to be taken over")] if worker is None else worker.progress.not_ready()

    async def run(self, stop: asyncio.Event) -> None:
        """Work what is ours until `stop` is set; the batches at hand are finished, and snapshots left behind.

        Raises:
            StateLostError: the log cannot rebuild a state.
            RecordTooLargeError: the log refuses what a batch came to.
        """
        counting = asyncio.create_task(self._count())
        followers = [asyncio.create_task(self._follow(index, stop)) for index in range(self.partitions)]
        try:
            done, _ = await asyncio.wait(followers, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await _cancelled(counting, *followers)

    async def _count(self) -> None:
        share = self._membership.share
        while True:
            self._metrics.owned(share.partitions)
            before, share = share, await self._membership.changed(share)
            if share.generation != before.generation:
                self._metrics.rebalanced()

    async def _follow(self, index: int, stop: asyncio.Event) -> None:
        """One term after another."""
        while not stop.is_set():
            share = self._membership.share
            if index in share.partitions:
                await self._term(index, stop)
            else:
                await _unless(stop, self._membership.changed(share))

    async def _term(self, index: int, stop: asyncio.Event) -> None:
        """Work until the term ends, and wait out what has to pass before the next one."""
        try:
            await self._work(index, stop)
        except OwnerReplacedError as error:
            _log.warning("fenced", partition=index, reason=str(error))
            self._metrics.fenced()
            self._held_up[index] = "taken over by another process; waiting for the group to say whose it is"
            await _unless(stop, self._confirmed(index))
        except (StateLostError, LogInUseError):
            raise
        except (DependencyError, BundleError) as error:
            # Starting the process again would not bring the bundle, and other partitions may do without it.
            _log.error("held_up", partition=index, reason=str(error))
            self._held_up[index] = str(error)
            await _unless(stop, asyncio.sleep(self._retry_seconds))
        finally:
            self._held_up.pop(index, None)

    async def _work(self, index: int, stop: asyncio.Event) -> None:
        worker = self._working[index] = self._make(index, may_take_over=lambda: self._membership.share.settled)
        working = asyncio.create_task(worker.run(stop), name=f"worker-{index}")
        lost = asyncio.create_task(self._lost(index))
        try:
            await asyncio.wait([working, lost], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            else:
                _log.info("lost", partition=index)
        finally:
            await _cancelled(working, lost)
            del self._working[index]
            await self._log.release(index)

    async def _lost(self, index: int) -> None:
        """Return once the group has given the partition to another."""
        share = self._membership.share
        while index in share.partitions:
            share = await self._membership.changed(share)

    async def _confirmed(self, index: int) -> None:
        """Ask the group for our place, and return once its answer is there; at once if the partition is another's already.

        Who was refused does not take over again before that: it would refuse the one who is right.
        """
        share = since = self._membership.share
        if index in since.partitions:
            self._membership.rejoin()
            while share.generation == since.generation:
                share = await self._membership.changed(share)


async def _unless(stop: asyncio.Event, wait: Coroutine[Any, Any, object]) -> None:
    """Wait, but not beyond `stop`."""
    tasks = [asyncio.create_task(stop.wait()), asyncio.create_task(wait)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancelled(*tasks)


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel what still runs and wait until it has ended; what it still raises concerns nobody any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
