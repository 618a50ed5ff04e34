"""A site as the planner sees it at a tick: its state and the demand of its devices, as a situation and as a problem."""

import numpy as np

from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.ids import DeviceId
from tidegate.contracts.resources import DEVICES
from tidegate.contracts.topology import DevicePlacement, Topology
from tidegate.core.allocation.arrays import Float64
from tidegate.core.allocation.model import Situation
from tidegate.core.allocation.problem import Problem, build_problem
from tidegate.core.allocation.site import Site
from tidegate.core.demand import SiteDemand


def situation_of(site: Site, settings: AllocationSettings, now_ms: int) -> Situation:
    """How `site` stands at `now_ms`, with the demand it was last told."""
    cooldown_ms = int(settings.cooldown_seconds * 1000)
    placed = [site.assignments[device.id] for device in site.topology.devices]
    return Situation(
        resources=site.resources,
        demand=site.demand,
        assigned=[assignment.gateway for assignment in placed],
        epochs=[assignment.epoch for assignment in placed],
        dead=sorted(site.silent),
        draining=sorted(site.draining),
        closed=sorted(site.draining | site.cordoned | site.on_hold(now_ms, cooldown_ms)),
        cooling=[a.device for a in placed if a.plan_id is not None and now_ms - a.assigned_at_ms < cooldown_ms],
    )


def problem_now(site: Site, settings: AllocationSettings, now_ms: int) -> Problem:
    """`site` at `now_ms` as arrays."""
    return build_problem(site.topology, situation_of(site, settings, now_ms), site.reach)


def take_demand(site: Site, configuration: CoreConfiguration, measured: SiteDemand | None) -> None:
    """Set the site's demand: what the topology says for a device, else what its readings say, else its profile's constant.

    A device needs 1 of `devices` unless something says otherwise. Readings of devices outside the topology do not count.
    """
    topology = site.topology
    site.resources = _resources(topology, configuration)
    demand = _constants(topology, configuration, site.resources)
    if measured is not None:
        _overlay(demand, topology, site.resources, measured)
    site.demand = demand.tolist()


def _resources(topology: Topology, configuration: CoreConfiguration) -> list[str]:
    names = {DEVICES}
    for gateway in topology.gateways:
        names.update(gateway.capacity)
    for device in topology.devices:
        names.update(device.demand)
    for profile in {device.profile for device in topology.devices}:
        if profile in configuration.profiles:
            names.update(configuration.profiles[profile].demand)
    return sorted(names)


def _constants(topology: Topology, configuration: CoreConfiguration, resources: list[str]) -> Float64:
    rows: dict[str, list[float]] = {}
    for name in {device.profile for device in topology.devices}:
        mapping = configuration.profiles[name].demand if name in configuration.profiles else {}
        known = {DEVICES: 1.0} | {resource: max(0.0, terms.constant) for resource, terms in mapping.items()}
        rows[name] = [known.get(resource, 0.0) for resource in resources]
    demand = np.array([rows[device.profile] for device in topology.devices], np.float64)
    demand = demand.reshape(len(topology.devices), len(resources))
    for row, device in enumerate(topology.devices):
        _override(demand, row, device, resources)
    return demand


def _override(demand: Float64, row: int, device: DevicePlacement, resources: list[str]) -> None:
    for resource, amount in device.demand.items():
        demand[row, resources.index(resource)] = amount


def _overlay(demand: Float64, topology: Topology, resources: list[str], measured: SiteDemand) -> None:
    index: dict[DeviceId, int] = {device: row for row, device in enumerate(measured.devices)}
    known = [(row, index[device.id]) for row, device in enumerate(topology.devices) if device.id in index]
    if not known:
        return
    here, there = (np.array(column, np.int64) for column in zip(*known, strict=True))
    for source, resource in enumerate(measured.resources):
        if resource in resources:
            values = measured.grant_request[there, source]
            usable = np.isfinite(values)
            demand[here[usable], resources.index(resource)] = values[usable]
    for row, device in enumerate(topology.devices):
        _override(demand, row, device, resources)
