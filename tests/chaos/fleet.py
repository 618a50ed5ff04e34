"""Whose readings flow: a simulated fleet, or recorded series as devices of several sites. The same seed gives the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.ids import SiteId
from tidegate.contracts.reading import Reading
from tidegate.contracts.topology import Topology
from tidegate.errors import InputError
from tidegate.fleet.merge import aligned, merge, to_reading
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.replay import circle
from tidegate.fleet.series import Series
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import lay_out
from tidegate.fleet.simulator.schedule import Programme, schedule
from tidegate.fleet.simulator.spec import FleetSpec

START_MS: Final = 1_767_571_200_000
"""2026-01-05 00:00 UTC: event times do not depend on the day of the run."""

SITES: Final = 8
"""Over four partitions: each has one at least (a test holds that)."""

GATEWAYS: Final = 3
"""Of each site."""

DEVICES: Final = 8
"""Of each simulated site."""

MOST_SERIES: Final = 48
"""Recorded devices: as many as two slow cores score with time to spare."""

FAULT_SECONDS: Final = 20.0
"""Stream time between two faults of the simulated fleet (not ours: spikes, outages and the like), on average."""


@dataclass(frozen=True)
class Source:
    """Topologies to register first, and readings in the order in which they are sent."""

    name: str
    topologies: Sequence[Topology]
    readings: Iterator[Reading]


def simulated(seed: int) -> Source:
    """The simulator's fleet with faults of its own; without end."""
    spec = FleetSpec(START_MS, sites=SITES, gateways=GATEWAYS, devices=DEVICES, seed=seed)
    layout = lay_out(spec, shipped_profiles(), revision=1)
    fleet = Fleet(spec, layout, schedule(Programme(START_MS, FAULT_SECONDS), spec, layout))
    return Source("simulator", layout.topologies, (reading for slot in fleet.slots() for reading in slot.readings))


def recorded(path: Path) -> Source:
    """The first series below `path`, dealt out to the sites in turn, all beginning together.

    Raises:
        InputError: no series there has a profile that is shipped.
    """
    known = shipped_profiles()
    usable = (series for series in iter_dataset(path) if series.profile in known and len(series))
    series = aligned(list(islice(usable, MOST_SERIES)))
    if not series:
        raise InputError(f"{path}: no series of a shipped profile", advice="give the folder of a data set, or no DATA")
    sites = [SiteId(f"site-{number % SITES + 1}") for number in range(len(series))]
    readings = (to_reading(series[owner], row, sites[owner]) for owner, row in merge(series))
    return Source(path.resolve().name, [_topology(site, series, sites) for site in dict.fromkeys(sites)], readings)


def _topology(site: SiteId, series: Sequence[Series], sites: Sequence[SiteId]) -> Topology:
    own = [one for one, owner in zip(series, sites, strict=True) if owner == site]
    return circle(site, own, shipped_profiles(), GATEWAYS, revision=1)
