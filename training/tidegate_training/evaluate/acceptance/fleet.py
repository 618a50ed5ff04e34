"""Who sends what: the sites of the acceptance run and their readings in the order in which a site would send them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.codec import encode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.ids import SiteId
from tidegate.contracts.reading import ReadingBatch
from tidegate.errors import InputError
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.series import Series
from tidegate_training.evaluate.scenario import Scenario, build_scenario, common_traces
from tidegate_training.evaluate.scoring import reading_of

MACHINES: Final = ("smd", "asd")
"""Data sets whose test parts are devices under watch; each is a site of its own, because its clock starts on its own."""

DEMAND: Final = "bitbrains"
"""Data set whose VMs demand resources of gateways."""

READINGS_PER_POST: Final = 1000


@dataclass(frozen=True, eq=False)
class Site:
    """One site's devices and the order its readings are sent in: by event time, then by device."""

    id: SiteId
    series: list[Series]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, site: SiteId, series: Sequence[Series]) -> "Site":
        """Put the readings of `series` in order; `order` is int64 [N, 2] of (series, row)."""
        places = np.concatenate([np.full(len(each), index) for index, each in enumerate(series)])
        rows = np.concatenate([np.arange(len(each)) for each in series])
        times = np.concatenate([each.event_time_ms for each in series])
        return cls(site, list(series), np.column_stack([places, rows])[np.lexsort((places, times))].astype(np.int64))

    def __len__(self) -> int:
        """How many readings it sends."""
        return len(self.order)

    def bodies(self, start: int, stop: int, size: int = READINGS_PER_POST) -> Iterator[tuple[int, bytes]]:
        """Request bodies of readings `start` to `stop` of the order, `size` each, with how many each holds."""
        for first in range(start, stop, size):
            chosen = self.order[first : min(first + size, stop)].tolist()
            readings = [reading_of(self.series[place], row, self.id) for place, row in chosen]
            yield len(readings), encode(ReadingBatch(self.id, readings))


@dataclass(frozen=True, eq=False)
class Fleet:
    """All sites, the whole series of the machines (train part included, for the baselines), and the site with gateways."""

    sites: list[Site]
    machines: list[Series]
    scenario: Scenario

    @property
    def readings(self) -> int:
        """Readings of all sites together."""
        return sum(map(len, self.sites))


def load_fleet(folder: Path, configuration: CoreConfiguration, *, demand_days: float) -> Fleet:
    """The fleet of `folder`: SMD and ASD test parts, and the first `demand_days` of Bitbrains on EUA's servers.

    Raises:
        InputError: one of the data sets is not there.
    """
    wanted = (*MACHINES, DEMAND)
    found: dict[str, list[Series]] = {name: [] for name in wanted}
    for name in wanted:
        path = folder / name if (folder / name).is_dir() else folder
        found[name] = [series for series in iter_dataset(path) if series.dataset == name]
    missing = [name for name, series in found.items() if not series]
    if missing:
        raise InputError(f"{folder}: no series of {', '.join(missing)}", advice="acceptance needs SMD, ASD, Bitbrains and EUA")
    end_ms = min(int(series.event_time_ms[0]) for series in found[DEMAND]) + round(demand_days * DAY_MS)
    demand = [cut for series in found[DEMAND] if len(cut := _until(series, end_ms))]
    profile = configuration.profiles[demand[0].profile]
    scenario = build_scenario(folder, SiteId(DEMAND), common_traces(demand, profile))
    sites = [Site.of(SiteId(name), [series.part("test") for series in found[name]]) for name in MACHINES]
    machines = [series for name in MACHINES for series in found[name]]
    return Fleet([*sites, Site.of(SiteId(DEMAND), demand)], machines, scenario)


def _until(series: Series, end_ms: int) -> Series:
    return series.rows(0, int(np.searchsorted(series.event_time_ms, end_ms)))
