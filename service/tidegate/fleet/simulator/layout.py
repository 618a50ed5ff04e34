"""The made fleet as it stands: who is where, what each device is, which gateways there are. Drawn once from the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, GatewayId, ProfileName, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.topology import Gateway, Topology
from tidegate.errors import ConfigurationError
from tidegate.fleet.placement import Placed, topology_of
from tidegate.fleet.simulator.classes import DeviceClass, deal
from tidegate.fleet.simulator.spec import FleetSpec
from tidegate.fleet.sizing import even_capacity, peak_demand

SITE_KM = 4.0
"""Side of the square a site's gateways and devices lie in, in kilometres."""

HEADROOM = 2.0
"""Capacity over summed full-load demand. Cameras come in large pieces: at 1.5, three of four gateways hold three of five
cameras and an outage leaves devices unserved; at 2 each holds two, so that the loss of one can be mended."""


GATEWAYS_PER_RACK = 2
"""Gateways that share a failure domain."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Devices of all sites in one row; `site_of` and `home` (the gateway it starts on) are indices, int64 [D].

    Gateways of all sites are one row too, as many for each site. Names are unique over all sites.
    """

    sites: tuple[SiteId, ...]
    devices: tuple[DeviceId, ...]
    gateways: tuple[GatewayId, ...]
    classes: tuple[DeviceClass, ...]
    site_of: NDArray[np.int64]
    home: NDArray[np.int64]
    topologies: tuple[Topology, ...]

    def gateways_of(self, site: int) -> range:
        """Indices of the site's gateways."""
        each = len(self.gateways) // len(self.sites)
        return range(site * each, (site + 1) * each)


def lay_out(spec: FleetSpec, profiles: Mapping[ProfileName, Profile], revision: int) -> Layout:
    """Draw the fleet of `spec`; its topologies carry `revision`.

    Raises:
        ConfigurationError: `profiles` lacks a device class, or its profile has other metrics.
    """
    classes = deal(spec.devices)
    for known in set(classes):
        _check_profile(known, profiles)
    sites = [SiteId(f"site-{number + 1}") for number in range(spec.sites)]
    topologies = [_topology(site, number, spec, classes, profiles, revision) for number, site in enumerate(sites)]
    gateways = [gateway.id for topology in topologies for gateway in topology.gateways]
    placements = [device for topology in topologies for device in topology.devices]
    index = {name: position for position, name in enumerate(gateways)}
    return Layout(
        sites=tuple(sites),
        devices=tuple(device.id for device in placements),
        gateways=tuple(gateways),
        classes=tuple(classes * spec.sites),
        site_of=np.repeat(np.arange(spec.sites), spec.devices),
        home=np.array([index[device.gateway] for device in placements if device.gateway is not None], np.int64),
        topologies=tuple(topologies),
    )


def _topology(
    site: SiteId,
    number: int,
    spec: FleetSpec,
    classes: Sequence[DeviceClass],
    profiles: Mapping[ProfileName, Profile],
    revision: int,
) -> Topology:
    place = np.random.default_rng([spec.seed, 1, number])
    gateway_km = place.uniform(0, SITE_KM, (spec.gateways, 2))
    device_km = place.uniform(0, SITE_KM, (spec.devices, 2))
    counts: dict[ProfileName, int] = {}
    devices = []
    for known, (x_km, y_km) in zip(classes, device_km, strict=True):
        counts[known.profile] = counts.get(known.profile, 0) + 1
        name = DeviceId(f"{known.profile}-{number + 1}-{counts[known.profile]:03d}")
        profile = profiles[known.profile]
        devices.append(Placed(name, profile.name, float(x_km), float(y_km), _full_load(known, profile), profile.binding))
    capacity = even_capacity([device.peak for device in devices], spec.gateways, HEADROOM)
    gateways = [
        Gateway(GatewayId(f"gw-{number + 1}-{index + 1:02d}"), capacity, f"rack-{number + 1}-{index // GATEWAYS_PER_RACK + 1}")
        for index in range(spec.gateways)
    ]
    return topology_of(site, revision, gateways, gateway_km, devices)


def _full_load(known: DeviceClass, profile: Profile) -> dict[str, float]:
    values = np.array([[signal.base + max(signal.swing, 0.0) for signal in known.signals]])
    return peak_demand(profile, [signal.metric for signal in known.signals], values)


def _check_profile(known: DeviceClass, profiles: Mapping[ProfileName, Profile]) -> None:
    if known.profile not in profiles:
        raise ConfigurationError(f"no profile {known.profile!r}, which the simulator's devices have")
    for signal in known.signals:
        if signal.metric not in profiles[known.profile].metrics:
            raise ConfigurationError(
                f"profile {known.profile!r} lacks metric {signal.metric!r}, which the simulator's devices send"
            )
