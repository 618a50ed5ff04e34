"""Work spread over processes: one call per job, results in the order of the jobs, progress as they finish.

Workers are started afresh, not forked: a model runtime that has threads does not survive a fork. They end with their parent,
however it ends: workers of a killed one would otherwise work on for nobody.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")


def spread(
    work: Callable[[Job], Done], jobs: Sequence[Job], *, processes: int, finished: Callable[[Job], None] = lambda _: None
) -> list[Done]:
    """`work(job)` for each job, by at most `processes` processes; here and now for 1. `work` and jobs must pickle.

    What a job raises is raised here, and jobs not yet begun are dropped.
    """
    if processes == 1 or len(jobs) < 2:
        results = []
        for job in jobs:
            results.append(work(job))
            finished(job)
        return results
    with ProcessPoolExecutor(min(processes, len(jobs)), multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                future.result()
                finished(futures[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _end_with_parent() -> None:
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a job may be deep in numpy: nothing is left to tell it, or to tell about it
