"""A site's state as bytes and back, for snapshots and digests. What is built from other state is left out."""

from dataclasses import dataclass, field, replace

import numpy as np

from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.plan import Assignment, Trigger
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.applied import Applied, AppliedPlans
from tidegate.core.allocation.bound import Transfer
from tidegate.core.allocation.censoring_state import CensoringState, export_censoring, restore_censoring
from tidegate.core.allocation.deaths import Death
from tidegate.core.allocation.filling import DayOfDemand
from tidegate.core.allocation.ground import ground_of
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.rollout import Rollout
from tidegate.core.allocation.site import Asked, Heartbeat, OpenPlan, Site
from tidegate.core.allocation.suspicion import Suspicion


@dataclass(frozen=True, slots=True)
class _SiteState:
    """`Site` with lists in place of sets. The request in flight goes without its topology, which is always the site's.

    Fields with a default came later: a snapshot without them is of a site that had heard no ack and applied no plan, and where
    no plan was under way in waves.
    """

    id: SiteId
    topology: Topology
    assignments: list[Assignment]
    epoch_floor: int
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
    heartbeats: dict[GatewayId, Heartbeat] = field(default_factory=dict)
    words: dict[DeviceId, Ack] = field(default_factory=dict)
    applied: list[Applied] = field(default_factory=list)
    followers: list[GatewayId] = field(default_factory=list)
    transfers: dict[DeviceId, Transfer] = field(default_factory=dict)
    spent: dict[DeviceId, int] = field(default_factory=dict)
    unwilling: dict[GatewayId, int] = field(default_factory=dict)
    rollout: Rollout | None = None
    calm_until_ms: int | None = None
    suspicions: dict[GatewayId, Suspicion] = field(default_factory=dict)
    replaced: dict[GatewayId, GatewayId] = field(default_factory=dict)
    decommissioned: dict[GatewayId, int | None] = field(default_factory=dict)
    days: list[DayOfDemand] = field(default_factory=list)
    censoring: CensoringState | None = None


def export_site(site: Site) -> bytes:
    """`site` packed; equal sites give equal bytes."""
    request = site.in_flight
    return pack(
        _SiteState(
            id=site.id,
            topology=site.topology,
            assignments=list(site.assignments.values()),
            epoch_floor=site.epoch_floor,
            demand=site.demand.tolist(),
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
            unplaced=site.unplaced,
            heartbeats=dict(sorted(site.heartbeats.items())),
            words=dict(sorted(site.words.items())),
            applied=site.applied.export(),
            followers=sorted(site.followers),
            transfers=site.transfers,
            spent=dict(sorted(site.spent.items())),
            unwilling=dict(sorted(site.unwilling.items())),
            rollout=site.rollout,
            calm_until_ms=site.calm_until_ms,
            suspicions=dict(sorted(site.suspicions.items())),
            replaced=dict(sorted(site.replaced.items())),
            decommissioned=dict(sorted(site.decommissioned.items())),
            days=site.days,
            censoring=export_censoring(site.censoring),
        )
    )


def restore_site(exported: bytes, configuration: CoreConfiguration) -> Site:
    """The site that `export_site` wrote down, under the configuration that was in force then.

    Raises:
        InputError: `exported` is not such an export.
    """
    state = unpack(exported, _SiteState)
    ground = ground_of(state.topology, configuration)
    site = Site(
        id=state.id,
        topology=state.topology,
        assignments={assignment.device: assignment for assignment in state.assignments},
        epoch_floor=state.epoch_floor,
        ground=ground,
        demand=np.array(state.demand, np.float64).reshape(ground.constants.shape),
        censoring=restore_censoring(state.censoring, ground.frame),
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
        unplaced=state.unplaced,
        heartbeats=state.heartbeats,
        words=state.words,
        applied=AppliedPlans(state.applied),
        followers=set(state.followers),
        transfers=state.transfers,
        spent=state.spent,
        unwilling=state.unwilling,
        rollout=state.rollout,
        calm_until_ms=state.calm_until_ms,
        suspicions=state.suspicions,
        replaced=state.replaced,
        decommissioned=state.decommissioned,
        days=state.days,
    )
    if state.in_flight is not None:
        site.in_flight = replace(state.in_flight, topology=site.topology)
    return site
