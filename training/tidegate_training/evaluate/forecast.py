"""The forecast study: demand as the service forecasts it for recorded VMs, against naive forecasts, on time it never saw.

The service is stepped reading by reading; after each, the demand quantiles in force are kept and later held against what was
demanded. Judged is the last part of the trace (`LATER`), apart for VMs that training saw earlier and for VMs it never saw.
Naive forecasts get quantiles from their own errors before that part, never below 0. Does not write anything; `commands` does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.ids import SiteId
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.demand import site_demand
from tidegate.core.detection.detection import Detection
from tidegate.core.forecaster import Forecaster
from tidegate.errors import InputError
from tidegate.fleet.series import Series
from tidegate_training.baselines import daily_seasonal, last_value
from tidegate_training.data.series import on_grid
from tidegate_training.data.splits import held_out_groups
from tidegate_training.evaluate.allocation import load_demand
from tidegate_training.evaluate.baselines import Float64
from tidegate_training.evaluate.direct_autoregression import direct_autoregression
from tidegate_training.evaluate.progress import Report, counting
from tidegate_training.evaluate.scoring import profile_of, reading_of, universal_forecaster
from tidegate_training.evaluate.spread import spread
from tidegate_training.evaluate.verdicts import CHUNKS_PER_PROCESS
from tidegate_training.quality import pinball

TIDEGATE: Final = "tidegate"
LAST, SEASONAL, AR = "last value", "daily seasonal", "AR"
SITE: Final = SiteId("evaluation")

LATER: Final = 0.15
"""Share of a VM's trace, its end, that is judged; the share training holds out of every series."""

BAND: Final = (QUANTILE_LEVELS.index(0.05), QUANTILE_LEVELS.index(0.95))
"""Levels of the 90 % band."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One resource of one VM: pinball loss per horizon by forecaster (in the resource's unit), and Tidegate's coverage."""

    device: str
    resource: str
    unseen: bool
    loss: dict[str, Float64]
    covered: Float64


@dataclass(frozen=True, slots=True)
class ForecastJob:
    """VMs to step together."""

    taken: list[Series]
    unseen: frozenset[str]
    configuration: CoreConfiguration
    bundles: list[Path]


def run_forecast(
    folder: Path,
    configuration: CoreConfiguration,
    manifest: BundleManifest,
    bundles: Sequence[Path] = (),
    *,
    limit: int | None = None,
    processes: int = 1,
    report: Report = lambda *_: None,
) -> list[Judged]:
    """Forecast the demand of the VMs below `folder` (at most `limit`) and judge each resource of each.

    Raises:
        InputError: there is none whose profile says what it demands, or nothing can be judged.
    """
    taken = load_demand(folder, configuration)[:limit]
    unseen = frozenset(unseen_devices(taken, manifest))
    count = 1 if processes == 1 else processes * CHUNKS_PER_PROCESS
    chunks = [part.tolist() for part in np.array_split(np.arange(len(taken)), min(count, len(taken)))]
    jobs = [ForecastJob([taken[index] for index in chunk], unseen, configuration, list(bundles)) for chunk in chunks]
    more = counting(report, "series forecast", len(taken))
    more(0)
    said = spread(_judge_chunk, jobs, processes=processes, finished=lambda job: more(len(job.taken)))
    judged = [one for part in said for one in part]
    if not judged:
        raise InputError(
            f"{folder}: no demand that varies in the last {LATER:.0%} of its trace", advice="longer traces are needed"
        )
    return judged


def unseen_devices(taken: Sequence[Series], manifest: BundleManifest) -> set[str]:
    """Devices of `taken` that training held out, by the split the manifest records; all, where it had no such data."""
    used = {one.dataset for one in manifest.data}
    settings = manifest.settings
    held_out = held_out_groups(
        ((one.dataset, one.device) for one in taken),
        float(settings.get("held_out_ratio", 0.0)),
        int(settings.get("random_state", 0)),
    )
    return {one.device for one in taken if one.dataset not in used or (one.dataset, one.device) in held_out}


def _judge_chunk(job: ForecastJob) -> list[Judged]:
    resources, now, quantiles = follow(job.taken, job.configuration, universal_forecaster(job.bundles))
    judged = []
    for series, values, forecasts in zip(job.taken, now, quantiles, strict=True):
        for column, resource in enumerate(resources):
            one = judge_demand(series, resource, values[:, column], forecasts[:, column], series.device in job.unseen)
            judged += [one] if one is not None else []
    return judged


def follow(
    taken: Sequence[Series], configuration: CoreConfiguration, forecaster: Forecaster
) -> tuple[list[str], list[Float64], list[Float64]]:
    """Step every reading of `taken`; the resources, and by series demand [T, resource] and its quantiles [T, resource, H, Q].

    Row t's quantiles are those in force after reading t.
    """
    detection = Detection(configuration, {"universal": forecaster})
    resources = sorted(profile_of(taken[0], configuration).demand)
    shape = (len(resources), len(HORIZONS), len(QUANTILE_LEVELS))
    now = [np.full((len(series), len(resources)), np.nan) for series in taken]
    quantiles = [np.full((len(series), *shape), np.nan) for series in taken]
    for row in range(max(map(len, taken))):
        here = [index for index, series in enumerate(taken) if row < len(series)]
        readings = [reading_of(taken[index], row, SITE) for index in here]
        detection.observe(readings, max(reading.event_time_ms for reading in readings))
        demand = site_demand(detection.demand_rows(SITE), configuration)
        place = {device: at for at, device in enumerate(demand.devices)}
        for index in here:
            at = place[taken[index].device]
            now[index][row], quantiles[index][row] = demand.now[at], demand.quantiles[at]
    return resources, now, quantiles


def judge_demand(series: Series, resource: str, now: Float64, quantiles: Float64, unseen: bool) -> Judged | None:
    """Hold `quantiles` [T, horizon, level] against demand `now` [T] over the last part; None where that never varies."""
    seconds = series.event_time_ms / 1000.0
    grid, interval, start = on_grid(seconds, now)
    cell = np.round((seconds - start) / interval).astype(np.int64)
    cut = int(len(grid) * (1.0 - LATER))
    later = grid[cut:]
    if np.isfinite(later).sum() < 2 * max(HORIZONS) or np.nanstd(later) == 0:
        return None
    targets = np.stack([_ahead(grid, horizon) for horizon in HORIZONS], axis=1)[cell]
    targets[cell < cut] = np.nan
    forecasts: dict[str, Float64 | None] = {
        TIDEGATE: quantiles,
        LAST: np.maximum(last_value(grid, cut)[cell], 0.0),
        AR: np.maximum(direct_autoregression(grid, cut)[cell], 0.0),
    }
    seasonal = daily_seasonal(grid, interval, cut)
    forecasts[SEASONAL] = None if seasonal is None else np.maximum(seasonal[cell], 0.0)
    known = np.isfinite(targets) & _all_known(forecasts.values())
    targets = np.where(known, targets, np.nan)
    if not known.any(axis=0).all():
        return None
    inside = (targets >= quantiles[:, :, BAND[0]]) & (targets <= quantiles[:, :, BAND[1]])
    covered = np.asarray(np.nanmean(np.where(known, inside, np.nan), axis=0))
    loss = {name: pinball(each, targets) for name, each in forecasts.items() if each is not None}
    return Judged(series.device, resource, unseen, loss, covered)


def _ahead(grid: Float64, cells: int) -> Float64:
    return np.concatenate([grid[cells:], np.full(min(cells, len(grid)), np.nan)])


def _all_known(forecasts: Iterable[Float64 | None]) -> NDArray[np.bool_]:
    """Where every forecast there is has all its levels, bool [T, horizon]: all are judged on the same targets."""
    found: NDArray[np.bool_] = np.logical_and.reduce([np.isfinite(each).all(axis=2) for each in forecasts if each is not None])
    return found
