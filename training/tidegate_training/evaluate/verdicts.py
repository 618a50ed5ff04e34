"""Judgements of many series by Tidegate and by the baselines, spread over processes; baselines are kept on disk.

A baseline's surprise of a series never changes unless its code does, and Tidegate's changes all the time while it is worked
on: so the former is kept, under a name made of the code, the values and where the train part ends.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.fleet.series import Series
from tidegate_training.evaluate import baselines, half_space_trees
from tidegate_training.evaluate.baselines import Float64, Judgement, judge_surprise, surprise_of
from tidegate_training.evaluate.progress import Report, counting
from tidegate_training.evaluate.scoring import judge_by_service, profile_of, universal_forecaster
from tidegate_training.evaluate.spread import advance, spread

CHUNKS_PER_PROCESS: Final = 1
"""Series are dealt out into so many chunks per process, the longest first. More would even out the last ones; but a round of a
micro-batch costs about the same for three devices as for six, so that half the devices take nearly twice the time."""


@dataclass(frozen=True, slots=True)
class ServiceJob:
    """Series to stream through one detection."""

    taken: list[Series]
    configuration: CoreConfiguration
    bundles: list[Path]


@dataclass(frozen=True, slots=True)
class BaselineJob:
    """One series for one baseline; its surprise is kept in the folder `cache`, if any."""

    series: Series
    name: str
    cache: Path | None


def by_service(
    taken: Sequence[Series],
    configuration: CoreConfiguration,
    bundles: Sequence[Path] = (),
    *,
    processes: int = 1,
    report: Report = lambda *_: None,
) -> list[Judgement]:
    """What the service says of all rows of each series of `taken`, as `judge_by_service`, whatever the number of processes.

    Raises:
        InputError: as `judge_by_service`, or a series' profile is unknown.
    """
    order = sorted(range(len(taken)), key=lambda index: -len(taken[index]))
    count = min(len(taken), 1 if processes == 1 else processes * CHUNKS_PER_PROCESS)
    chunks = [order[place::count] for place in range(count)]  # dealt out, so that no chunk has all the long ones
    jobs = [ServiceJob([taken[index] for index in chunk], configuration, list(bundles)) for chunk in chunks]
    more = counting(report, "tidegate, readings", sum(map(len, taken)))
    more(0)
    said = spread(_serve, jobs, processes=processes, advanced=more)
    by_index = {
        index: judgement for chunk, part in zip(chunks, said, strict=True) for index, judgement in zip(chunk, part, strict=True)
    }
    return [by_index[index] for index in range(len(taken))]


def _serve(job: ServiceJob) -> list[Judgement]:
    return judge_by_service(job.taken, job.configuration, universal_forecaster(job.bundles), advance)


def surprises(
    taken: Sequence[Series],
    names: Sequence[str],
    *,
    processes: int = 1,
    cache: Path | None = None,
    report: Report = lambda *_: None,
) -> dict[str, list[Float64]]:
    """Surprise of all rows of each series by each baseline of `names`."""
    jobs = [BaselineJob(series, name, cache) for name in names for series in taken]
    more = counting(report, "baselines, series", len(jobs))
    found = spread(kept_surprise, jobs, processes=processes, finished=lambda _: more(1))
    return {name: found[place * len(taken) : (place + 1) * len(taken)] for place, name in enumerate(names)}


def kept_surprise(job: BaselineJob) -> Float64:
    """The surprise from the cache, or computed and put there."""
    if job.cache is None:
        return surprise_of(job.name, job.series.values, job.series.train_rows)
    path = job.cache / f"{_key(job)}.npy"
    if path.is_file():
        return np.asarray(np.load(path), dtype=np.float64)
    surprise = surprise_of(job.name, job.series.values, job.series.train_rows)
    job.cache.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part.npy")
    np.save(half, surprise)
    half.replace(path)
    return surprise


def _key(job: BaselineJob) -> str:
    found = hashlib.sha256(f"{job.name} {job.series.train_rows} {job.series.values.shape}".encode())
    for module in (baselines, half_space_trees):
        found.update(Path(str(module.__file__)).read_bytes())
    found.update(np.ascontiguousarray(job.series.values).tobytes())
    return found.hexdigest()[:32]


def by_baseline(series: Series, name: str, surprise: Float64, configuration: CoreConfiguration) -> Judgement:
    """What the baseline says of the test part of `series`, given its `surprise` [T], with its profile's budget."""
    policy = profile_of(series, configuration).alarm
    return judge_surprise(
        name,
        surprise,
        series.train_rows,
        interval_seconds=series.interval_seconds,
        budget=policy.alerts_per_device_day,
        close_after=policy.close_after,
    )
