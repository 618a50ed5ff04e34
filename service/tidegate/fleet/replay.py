"""Recorded data as a living fleet: series merged by event time, paced, sent through the public door.

Rows without any value are sent: a device that speaks and says nothing is something to see. Labels never leave. A topology
is made and registered first, so that allocation has something to decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId, ProfileName, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.topology import Gateway, Topology
from tidegate.errors import ConfigurationError, InputError
from tidegate.fleet.merge import merge, to_reading
from tidegate.fleet.outbox import Outbox, Traffic
from tidegate.fleet.pace import Pace
from tidegate.fleet.placement import Placed, set_topology, topology_of
from tidegate.fleet.series import Series
from tidegate.fleet.sinks import Sink
from tidegate.fleet.sizing import even_capacity, peak_demand

CIRCLE_KM = 2.0
"""Kilometres; radius of the circle made-up gateways stand on when the data has no places."""


@dataclass(frozen=True)
class ReplayPlan:
    """What goes where: series in order, the site of each, and the topologies to register first."""

    series: Sequence[Series]
    sites: Sequence[SiteId]
    topologies: Sequence[Topology]


def plan_replay(
    series: Sequence[Series],
    profiles: Mapping[ProfileName, Profile],
    *,
    site: SiteId | None = None,
    gateways: int = 3,
    revision: int = 1,
) -> ReplayPlan:
    """Decide sites and topologies of `series`. Without `site`, each data set is a site of its name.

    With `gateways` above 0 each site gets a topology of as many equal gateways, sized by `sizing.even_capacity` over the
    recorded peaks, on a circle with the devices spread around it. A recording does not say who served whom, so nobody is
    served at first. Where no profile maps demand, a gateway's capacity is a number of devices.

    Raises:
        InputError: there is no reading, or a device appears twice in a site.
        ConfigurationError: a series' profile is not among `profiles`, or `gateways` is negative.
    """
    if not any(len(one) for one in series):
        raise InputError("nothing to replay: the data has no reading")
    if gateways < 0:
        raise ConfigurationError(f"gateways is {gateways}, expected at least 0 (0 means no topology)")
    sites = [site or SiteId(one.dataset) for one in series]
    _check(series, sites, profiles)
    by_site = {name: [one for one, owner in zip(series, sites, strict=True) if owner == name] for name in dict.fromkeys(sites)}
    topologies = [circle(name, devices, profiles, gateways, revision) for name, devices in by_site.items() if gateways]
    return ReplayPlan(series, sites, topologies)


def circle(
    site: SiteId, series: Sequence[Series], profiles: Mapping[ProfileName, Profile], gateways: int, revision: int
) -> Topology:
    """A topology for data without places."""
    angle = 2 * np.pi * np.arange(len(series)) / len(series)
    devices = [
        Placed(one.device, one.profile, CIRCLE_KM * float(np.cos(turn)), CIRCLE_KM * float(np.sin(turn)), peak_of(one, profiles))
        for one, turn in zip(series, angle, strict=True)
    ]
    capacity = even_capacity([device.peak for device in devices], gateways)
    turns = 2 * np.pi * np.arange(gateways) / gateways
    places = CIRCLE_KM * np.column_stack([np.cos(turns), np.sin(turns)])
    nodes = [Gateway(GatewayId(f"gw-{number + 1:03d}"), capacity) for number in range(gateways)]
    return topology_of(site, revision, nodes, places, devices, served=False)


def peak_of(series: Series, profiles: Mapping[ProfileName, Profile]) -> dict[str, float]:
    """What a recorded device needs at its peak; see `sizing.peak_demand`."""
    return peak_demand(profiles[series.profile], series.metrics, series.values)


async def replay(plan: ReplayPlan, sink: Sink, pace: Pace, traffic: Traffic, limit: int | None = None) -> None:
    """Register the topologies, then send the readings as they are due, at most `limit`.

    Raises:
        DependencyError: the sink does not take them within its patience.
        InputError: the sink refused what we sent.
    """
    for topology in plan.topologies:
        await sink.command(set_topology(topology))
    outbox = Outbox(sink, traffic)
    for owner, row in merge(plan.series, limit):
        reading = to_reading(plan.series[owner], row, plan.sites[owner])
        if not pace.is_due(int(plan.series[owner].event_time_ms[row])):
            await outbox.flush()
            await pace.until(int(plan.series[owner].event_time_ms[row]))
        await outbox.put(reading)
    await outbox.flush()


def _check(series: Sequence[Series], sites: Sequence[SiteId], profiles: Mapping[ProfileName, Profile]) -> None:
    seen: set[tuple[SiteId, DeviceId]] = set()
    for one, site in zip(series, sites, strict=True):
        if one.profile not in profiles:
            raise ConfigurationError(f"device {one.device!r} has profile {one.profile!r}, which is not among the profiles given")
        if (site, one.device) in seen:
            raise InputError(f"device {one.device!r} appears twice in site {site!r}", advice="replay the files one by one")
        seen.add((site, one.device))
