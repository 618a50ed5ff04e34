"""The one thread that touches SQLite. It takes whatever waits at once, so that many writers share one fsync.

While the thread syncs, requests gather; the next round takes them all. Writes of a round go into one transaction; when
that fails each is tried alone, so that one bad or too large request cannot sink its neighbours.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from tidegate.adapters.embedded.store import Store
from tidegate.errors import DependencyError

T = TypeVar("T")

MAX_WAITING: Final = 1024
"""Requests. Further callers wait for a place, so that the memory held by requests is bounded by their size times this."""


@dataclass(frozen=True, slots=True)
class _Request:
    run: Callable[[Store], Any]
    writes: bool
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    request: _Request
    result: Any = None
    error: Exception | None = None


class StoreThread:
    """Runs requests against a store in a thread of its own: of each round first all writes, in order, then the reads.

    `upkeep` runs in the thread after a round that wrote, and again while it returns True and nobody waits. `on_write` runs
    in the event loop after such a round, even when the callers were cancelled.
    """

    def __init__(self, upkeep: Callable[[Store], bool], on_write: Callable[[], None]) -> None:
        self._upkeep = upkeep
        self._on_write = on_write
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._places = asyncio.Semaphore(MAX_WAITING)
        self._stopping = False
        self._thread: threading.Thread | None = None

    async def start(self, open_store: Callable[[], Store]) -> None:
        """Open the store in the new thread; raises what opening raises."""
        opened: asyncio.Future[None] = self._loop.create_future()
        # A daemon: a process that forgot to close must still be able to end, and losing the thread is no worse than a crash.
        self._thread = threading.Thread(target=self._work, args=(open_store, opened), name="tidegate-log", daemon=True)
        self._thread.start()
        await opened

    async def run(self, step: Callable[[Store], T], *, writes: bool) -> T:
        """Run `step` in the thread and return its result; a writing step's once it is durable.

        A caller that is cancelled does not learn whether its step ran.

        Raises:
            DependencyError: the log is closed; and whatever `step` raises.
        """
        async with self._places:
            if self._stopping:
                raise DependencyError("the log is closed", advice="open it again")
            request = _Request(step, writes, self._loop.create_future())
            self._requests.put(request)
            if self._stopping:  # the thread died since the check above
                self._refuse_waiting()
            result: T = await request.done
            return result

    async def stop(self) -> None:
        """Finish what waits, close the store, end the thread. Idempotent."""
        if not self._stopping:
            self._stopping = True
            self._requests.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _work(self, open_store: Callable[[], Store], opened: asyncio.Future[None]) -> None:
        opening = _Request(lambda _: None, writes=False, done=opened)
        try:
            store = open_store()
        except Exception as error:  # handed to the caller of `start`
            self._deliver([_Outcome(opening, error=error)])
            return
        self._deliver([_Outcome(opening)])
        try:
            while self._round(store):
                pass
        finally:
            self._refuse_waiting()
            store.close()

    def _round(self, store: Store) -> bool:
        """Serve everything that waits; False when the last of it was the wish to stop."""
        taken = [self._requests.get()]
        with suppress(queue.Empty):
            while taken[-1] is not None:
                taken.append(self._requests.get_nowait())
        requests = [request for request in taken if request is not None]
        writes = [request for request in requests if request.writes]
        self._deliver(_write_together(store, writes))
        self._deliver([_attempt(request, partial(request.run, store)) for request in requests if not request.writes])
        if writes:
            self._keep_up(store)
        return taken[-1] is not None

    def _refuse_waiting(self) -> None:
        """After an orderly stop nobody waits any more; after a defect in this thread nobody must wait for ever."""
        self._stopping = True
        error = DependencyError("the log's thread has ended", advice="restart the service; what was committed is safe")
        with suppress(queue.Empty):
            while True:
                request = self._requests.get_nowait()
                if request is not None:
                    self._deliver([_Outcome(request, error=error)])

    def _keep_up(self, store: Store) -> None:
        # What upkeep could not do now (a full disk, say) it does after a later write; the writers themselves hear of the cause.
        with suppress(DependencyError):
            while self._upkeep(store) and self._requests.empty():
                pass

    def _deliver(self, outcomes: list[_Outcome]) -> None:
        if not outcomes:
            return
        # A loop that is already closed has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, outcomes)

    def _settle(self, outcomes: list[_Outcome]) -> None:
        for outcome in outcomes:
            done = outcome.request.done
            if done.done():
                continue
            if outcome.error is None:
                done.set_result(outcome.result)
            else:
                done.set_exception(outcome.error)
        if any(outcome.request.writes and outcome.error is None for outcome in outcomes):
            self._on_write()


def _write_together(store: Store, requests: list[_Request]) -> list[_Outcome]:
    if not requests:
        return []
    try:
        results = store.write([partial(request.run, store) for request in requests])
    except Exception as error:  # delivered to the callers
        if len(requests) == 1:
            return [_Outcome(requests[0], error=error)]
        return [outcome for request in requests for outcome in _write_together(store, [request])]
    return [_Outcome(request, result) for request, result in zip(requests, results, strict=True)]


def _attempt(request: _Request, run: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(request, run())
    except Exception as error:  # delivered to the caller
        return _Outcome(request, error=error)
