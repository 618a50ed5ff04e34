"""Grants are renewed in place: what a gateway sets aside follows what its devices ask, shared out fairly where it is short.

A device is granted what it asks and, out of half of what is left, up to as much again: at a gateway that holds devices to their
grants, one that wants more shows it by using more. What nobody needs is not taken back, and small differences are let be. Nobody
moves, and no epoch changes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.resources import DEVICES
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.by_gateway import totals
from tidegate.core.allocation.frame import Frame
from tidegate.core.allocation.granted import Granted
from tidegate.core.allocation.sharing import shared_out

SPARE: Final = 0.25
"""Share of what a device uses that its grant is to leave it above that, if there is room: one that has less is near its bound."""

GIVEN_AWAY: Final = 0.5
"""Share of what is left at a gateway that is granted beyond what devices ask; the rest is for who comes next."""

_ROUNDING: Final = 1e-9
"""Share of an amount by which another may miss it and still be equal."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """Grants that are due: of `rows` int64 [k], `amount` float64 [k, resource], of what they `asked`, same shape."""

    rows: Int64
    amount: Float64
    asked: Float64


@dataclass(frozen=True, slots=True)
class Claims:
    """What devices `ask` and `use`, float64 [device, resource]; what they use is 0 where no reading says it."""

    ask: Float64
    use: Float64


def renewed(frame: Frame, granted: Granted, claims: Claims, settled: Bool, coming: Float64, deadband: float) -> Renewed:
    """Which grants are to be set anew, and to what.

    `settled` bool [device] are those whose grant may change; of others it is kept. `coming` float64 [gateway,
    resource] is set aside for devices on their way. A grant is raised once it falls short by more than the share `deadband` of
    itself, and lowered where another one needs the room for that, or where the gateway has granted more than it has.

    Together, the grants of a gateway are never more than it has, in whichever order it reads those of one review: what one
    gives up is another's at the next. Where they are more already, those that may change are lowered. Places for devices, of
    which there is no part, are not shared out: each device is granted as many as it asks.
    """
    count, whole = len(frame.gateways), np.array([name == DEVICES for name in frame.resources], np.bool_)
    capacity = np.where(whole, np.inf, frame.capacity)
    held = coming + totals(granted.amount, granted.gateway, count)
    over = held > capacity * (1.0 + _ROUNDING)
    served = np.flatnonzero(settled & (granted.gateway != NOWHERE))
    rows = _at_busy(granted, claims, served, np.asarray(over.any(axis=1)), deadband)
    gateway, now, priority = granted.gateway[rows], granted.amount[rows], frame.priority[rows]
    ask, use = claims.ask[rows], claims.use[rows]
    room = _more_than_dust(capacity - held + totals(now, gateway, count), capacity)

    share = shared_out(ask, priority, gateway, room)
    beyond = np.where(whole, 0.0, np.maximum(ask, use))
    left = _more_than_dust(room - totals(share, gateway, count), capacity)
    aim = share + shared_out(beyond, priority, gateway, GIVEN_AWAY * left)
    wanted = np.maximum(share, np.minimum(aim, use * (1.0 + SPARE)))

    raised = wanted > now * (1.0 + deadband)
    rise = np.where(raised, np.maximum(aim - now, 0.0), 0.0)
    rises, free = totals(rise, gateway, count), np.maximum(capacity - held, 0.0)
    crowded = rises > free * (1.0 + _ROUNDING)
    lowered = (crowded | over)[gateway] & (aim < now)
    part = np.where(crowded, free / np.where(crowded, rises, 1.0), 1.0)[gateway]
    amount = np.where(raised, now + part * rise, np.where(lowered, aim, now))
    due = (np.abs(amount - now) > _ROUNDING * now).any(axis=1)
    return Renewed(rows[due], amount[due], ask[due])


def _at_busy(granted: Granted, claims: Claims, rows: Int64, busy: Bool, deadband: float) -> Int64:
    """Those of `rows` that are at a `busy` gateway (bool [gateway]), or at one with a device that may be due for more."""
    most = granted.amount[rows] * (1.0 + deadband)
    due = (claims.ask[rows] > most) | (claims.use[rows] * (1.0 + SPARE) > most)
    busy = busy.copy()
    busy[granted.gateway[rows[due.any(axis=1)]]] = True
    return rows[busy[granted.gateway[rows]]]


def _more_than_dust(room: Float64, capacity: Float64) -> Float64:
    """`room` [gateway, resource], and none where it is but what rounding leaves of the `capacity`: dust is not granted."""
    dust = _ROUNDING * np.where(np.isfinite(capacity), capacity, 0.0)
    return np.where(room > dust, room, 0.0)
