"""What a site's planning stands on under one topology revision and one configuration, and how readings add to it."""

from dataclasses import dataclass

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.profile import Profile
from tidegate.contracts.resources import DEVICES
from tidegate.contracts.topology import MAX_AMOUNT, Topology
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.frame import Frame, frame_of
from tidegate.core.demand import SiteDemand


@dataclass(frozen=True, slots=True)
class Ground:
    """The topology in arrays, and what its devices demand before any reading.

    `constants` float64 [device, resource]: what the topology says of a device, else its profile's constant, else 1 of
    `devices` and 0 of anything else. `overridden` bool, same shape: where the topology said so, and readings do not count.
    """

    frame: Frame
    constants: Float64
    overridden: Bool


def ground_of(topology: Topology, configuration: CoreConfiguration) -> Ground:
    """The ground of `topology`; a profile that the configuration does not have demands nothing by itself."""
    profiles = {device.profile for device in topology.devices}
    in_force = configuration.profiles_of(topology.site)
    known = {name: profile_constants(in_force.get(name)) for name in profiles}
    resources = sorted(
        {DEVICES}
        | {resource for gateway in topology.gateways for resource in gateway.capacity}
        | {resource for device in topology.devices for resource in device.demand}
        | {resource for constants in known.values() for resource in constants}
    )
    rows = {name: [constants.get(resource, 0.0) for resource in resources] for name, constants in known.items()}
    shape = (len(topology.devices), len(resources))
    constants = np.array([rows[device.profile] for device in topology.devices], np.float64).reshape(shape)
    overridden = np.zeros(shape, np.bool_)
    column = {resource: index for index, resource in enumerate(resources)}
    for row, device in enumerate(topology.devices):
        for resource, amount in device.demand.items():
            constants[row, column[resource]] = amount
            overridden[row, column[resource]] = True
    return Ground(frame_of(topology, resources), constants, overridden)


@dataclass(frozen=True, slots=True)
class Heard:
    """What readings say of the topology's devices, where nothing overrides them. Devices that none came of keep their constants.

    `demand` and `used` float64 [device, resource] are what a device asks and what its latest sample says that it uses (what it
    asks, where it is not `measured`, bool, same shape). `sampled_ms` int64 [device] is the event time of its last reading, -1
    before the first.
    """

    demand: Float64
    used: Float64
    measured: Bool
    sampled_ms: Int64


def heard_on(ground: Ground, measured: SiteDemand) -> Heard:
    """What `measured` says on `ground`: its grant requests and samples.

    Devices that the topology lacks do not count. Amounts above `MAX_AMOUNT` are cut to it, so that no sum of them overflows, and
    below 0 to 0: a device makes no room.
    """
    demand, frame = ground.constants.copy(), ground.frame
    sample, sampled_ms = np.full(demand.shape, np.nan), np.full(len(frame.devices), -1, np.int64)
    here = np.array([frame.device_index.get(device, NOWHERE) for device in measured.devices], np.int64)
    there = np.flatnonzero(here != NOWHERE)
    here = here[there]
    sampled_ms[here] = measured.event_time_ms[there]
    for source, resource in enumerate(measured.resources):
        if resource in frame.resources:
            column = frame.resources.index(resource)
            values = measured.grant_request[there, source]
            usable = np.isfinite(values) & ~ground.overridden[here, column]
            demand[here[usable], column] = np.clip(values[usable], 0.0, MAX_AMOUNT)
            sample[here[usable], column] = np.clip(measured.sample[there, source][usable], 0.0, MAX_AMOUNT)
    is_measured = np.isfinite(sample)
    return Heard(demand, np.where(is_measured, sample, demand), is_measured, sampled_ms)


def profile_constants(profile: Profile | None) -> dict[str, float]:
    """What a device of `profile` demands before any reading; one of `devices` where that is not configured."""
    mappings = {} if profile is None else profile.demand
    return {DEVICES: 1.0} | {resource: max(0.0, mapping.constant) for resource, mapping in mappings.items()}
