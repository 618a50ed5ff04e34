"""Work spread over processes: one call per job, results in the order of the jobs, progress while they run.

Workers are started afresh, not forked: a model runtime that has threads does not survive a fork. They end with their parent,
however it ends: workers of a killed one would otherwise work on for nobody.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")
Tell = Callable[[int], None]
"""Hears that so much more of the work is done, in the work's own unit."""


def _to_nobody(_: int) -> None:
    pass


_hearer: Tell = _to_nobody


def advance(amount: int) -> None:
    """Say, from within a job, that `amount` more of it is done."""
    _hearer(amount)


def spread(
    work: Callable[[Job], Done],
    jobs: Sequence[Job],
    *,
    processes: int,
    finished: Callable[[Job], None] = lambda _: None,
    advanced: Tell = _to_nobody,
) -> list[Done]:
    """`work(job)` for each job, by at most `processes` processes; here and now for 1. `work` and jobs must pickle.

    `finished` hears of each job that is done, `advanced` what jobs say by `advance`, from a thread of its own. What a job raises
    is raised here, and jobs not yet begun are dropped.
    """
    if processes == 1 or len(jobs) < 2:
        return _here(work, jobs, finished, advanced)
    context = multiprocessing.get_context("spawn")
    with (
        _heard(context, advanced) as said,
        ProcessPoolExecutor(min(processes, len(jobs)), context, _begin_worker, (said,)) as pool,
    ):
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                future.result()
                finished(futures[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _here(work: Callable[[Job], Done], jobs: Sequence[Job], finished: Callable[[Job], None], advanced: Tell) -> list[Done]:
    global _hearer  # noqa: PLW0603  # jobs are told nothing but themselves, here as in a worker
    before, _hearer = _hearer, advanced
    try:
        results = []
        for job in jobs:
            results.append(work(job))
            finished(job)
        return results
    finally:
        _hearer = before


@contextmanager
def _heard(context: SpawnContext, advanced: Tell) -> "Iterator[SimpleQueue[int | None]]":
    """A queue whose numbers go to `advanced` until the end of the body."""
    said: SimpleQueue[int | None] = context.SimpleQueue()

    def hear() -> None:
        while (amount := said.get()) is not None:
            advanced(amount)

    hearing = threading.Thread(target=hear)
    hearing.start()
    try:
        yield said
    finally:
        said.put(None)
        hearing.join()
        said.close()


def _begin_worker(said: "SimpleQueue[int | None]") -> None:
    global _hearer  # noqa: PLW0603  # see above
    _hearer = said.put
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a job may be deep in numpy: nothing is left to tell it, or to tell about it
