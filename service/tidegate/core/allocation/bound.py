"""Where devices are to be: their assignments, and the hand-overs that are under way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId, PlanId
from tidegate.contracts.plan import Assignment
from tidegate.contracts.resources import Resources
from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.frame import Frame
from tidegate.core.allocation.handover import Handover

_LONG_AGO_MS: Final = -(1 << 62)
"""A tick before every tick."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A hand-over under way, and what its device is given at its end: by which plan, with what grant, why."""

    handover: Handover
    grant: Resources
    plan: PlanId | None
    reason: str


def bound_for(assignment: Assignment, transfer: Transfer | None) -> tuple[GatewayId | None, int]:
    """Where a device is to be and under which epoch: where it goes to if it is handed over, else where it is."""
    if transfer is None or transfer.handover.target is None:
        return assignment.gateway, assignment.epoch
    return transfer.handover.target, transfer.handover.epoch


@dataclass(frozen=True, slots=True)
class Placed:
    """Assignments in the order of the topology's devices, int64 [device]: gateway (`NOWHERE` for none), epoch, and the tick
    of the last move by a plan (long ago for none). A device that is handed over is where it goes to."""

    gateway: Int64
    epoch: Int64
    moved_at_ms: Int64

    @classmethod
    def of(cls, assignments: Mapping[DeviceId, Assignment], transfers: Mapping[DeviceId, Transfer], frame: Frame) -> "Placed":
        """`assignments`, of which there is one for every device of `frame`."""
        rows = [assignments[device] for device in frame.devices]
        bound = [bound_for(row, transfers.get(row.device)) for row in rows]
        gateways = [NOWHERE if gateway is None else frame.gateway_index.get(gateway, NOWHERE) for gateway, _ in bound]
        moved = [_LONG_AGO_MS if row.plan_id is None else row.assigned_at_ms for row in rows]
        columns = (gateways, [epoch for _, epoch in bound], moved)
        return cls(*(np.array(column, np.int64) for column in columns))
