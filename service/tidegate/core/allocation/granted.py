"""What each device of a site is served with now, as arrays: by which gateway, under which epoch, with what grant."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegate.contracts.ids import DeviceId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.frame import Frame


@dataclass(frozen=True, slots=True)
class Granted:
    """`gateway` (`NOWHERE` for none) and `epoch` int64 [device], `amount` float64 [device, resource], `stays` bool [device].

    The amount is 0 where nothing is set aside. A device that is handed over is still with the gateway that serves it, but does
    not stay.
    """

    gateway: Int64
    epoch: Int64
    amount: Float64
    stays: Bool


def granted_by(assignments: Mapping[DeviceId, Assignment], frame: Frame) -> Granted:
    """The grants in force by `assignments`, of which there is one for every device of `frame`."""
    rows = [assignments[device] for device in frame.devices]
    index = frame.gateway_index
    gateway = [NOWHERE if row.gateway is None else index.get(row.gateway, NOWHERE) for row in rows]
    amounts = [[row.grant.get(name, 0.0) for row in rows] for name in frame.resources]
    return Granted(
        gateway=np.array(gateway, np.int64),
        epoch=np.array([row.epoch for row in rows], np.int64),
        amount=np.array(amounts, np.float64).reshape(len(frame.resources), len(rows)).T,
        stays=np.array([row.phase is Phase.ACTIVE for row in rows], np.bool_),
    )
