"""Work in processes of their own: results in the order of the jobs, failures raised here, and nobody left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.jobs import refused, squared
from tidegate_training.evaluate.spread import spread

FOR_EVER = """
if __name__ == "__main__":
    from support.jobs import never_done
    from tidegate_training.evaluate.spread import spread
    spread(never_done, [{folder!r}] * 2, processes=2)
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_jobs(processes: int) -> None:
    told: list[int] = []
    assert spread(squared, [1, 2, 3], processes=processes, finished=told.append) == [1, 4, 9]
    assert sorted(told) == [1, 2, 3]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_jobs_say_of_their_progress_is_heard_once_all_are_done(processes: int) -> None:
    heard: list[int] = []
    spread(squared, [1, 2, 3], processes=processes, advanced=heard.append)
    assert sorted(heard) == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_job_raises_is_raised_here(processes: int) -> None:
    with pytest.raises(ValueError, match="two is refused"):
        spread(refused, [1, 2, 3], processes=processes)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    said = tmp_path / "workers"
    said.mkdir()
    program = tmp_path / "program.py"
    program.write_text(FOR_EVER.format(folder=str(said)), encoding="utf-8")
    parent = subprocess.Popen([sys.executable, str(program)], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    try:
        wait_until(lambda: len(list(said.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    workers = [Path("/proc") / place.name for place in said.iterdir()]
    wait_until(lambda: not any(worker.exists() for worker in workers))


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it holds; fails when it does not come to hold."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
