"""A site's state as plain values and back, for snapshots and digests. What is built from other state is left out."""

from dataclasses import dataclass, replace
from typing import Any

from tidegate.contracts.codec import from_builtins, to_builtins
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.plan import Assignment, Trigger
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.site import Asked, Death, OpenPlan, Site


@dataclass(frozen=True, slots=True)
class _SiteState:
    """`Site` with lists in place of sets. The request in flight goes without its topology, which is always the site's."""

    id: SiteId
    topology: Topology
    assignments: list[Assignment]
    epoch_floor: int
    resources: list[str]
    demand: list[list[float]]
    draining: list[GatewayId]
    cordoned: list[GatewayId]
    silent: list[GatewayId]
    deaths: dict[GatewayId, Death]
    frozen: bool
    stopped: bool
    guarded: bool
    requests: int
    in_flight: PlanRequest | None
    open: OpenPlan | None
    asked: dict[Trigger, Asked]
    unplaced: list[DeviceId]


def export_site(site: Site) -> dict[str, Any]:
    """`site` as dicts, lists and scalars; equal sites give equal exports, in equal order."""
    request = site.in_flight
    exported: dict[str, Any] = to_builtins(
        _SiteState(
            id=site.id,
            topology=site.topology,
            assignments=list(site.assignments.values()),
            epoch_floor=site.epoch_floor,
            resources=site.resources,
            demand=site.demand,
            draining=sorted(site.draining),
            cordoned=sorted(site.cordoned),
            silent=sorted(site.silent),
            deaths=dict(sorted(site.deaths.items())),
            frozen=site.frozen,
            stopped=site.stopped,
            guarded=site.guarded,
            requests=site.requests,
            in_flight=None if request is None else replace(request, topology=Topology(site.id, 0, [], [])),
            open=site.open,
            asked=dict(sorted(site.asked.items())),
            unplaced=list(site.unplaced),
        )
    )
    return exported


def restore_site(exported: dict[str, Any]) -> Site:
    """The site that `export_site` wrote down.

    Raises:
        InputError: `exported` is not such an export.
    """
    state = from_builtins(exported, _SiteState)
    site = Site(
        id=state.id,
        topology=state.topology,
        assignments={assignment.device: assignment for assignment in state.assignments},
        epoch_floor=state.epoch_floor,
        resources=state.resources,
        demand=state.demand,
        draining=set(state.draining),
        cordoned=set(state.cordoned),
        silent=set(state.silent),
        deaths=state.deaths,
        frozen=state.frozen,
        stopped=state.stopped,
        guarded=state.guarded,
        requests=state.requests,
        open=state.open,
        asked=state.asked,
        unplaced=dict.fromkeys(state.unplaced),
    )
    if state.in_flight is not None:
        site.in_flight = replace(state.in_flight, topology=site.topology)
    return site
