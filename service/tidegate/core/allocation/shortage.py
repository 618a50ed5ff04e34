"""How many of the devices served now no plan whatever could serve after a loss: a proof, where the search only failed.

Two bounds, either of which proves. Together: even if every device could reach every gateway, so many of the largest would have
to go before the rest fit. By reach, where that proves nothing: prices of a relaxation in which a device stays out at a cost
of 1 (`prices`); what they bound from below is the number of devices that stay out.

Both let devices be split, moved at will and shed, so they are never more than what is true.
"""

from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.placement import FULL, loads
from tidegate.core.allocation.prices import Relaxation, ascend
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.together import starts, widths

ITERATIONS: Final = 60
"""Rounds of the ascent; more would prove a few more of the losses that are lost by little."""

_DOUBT: Final = 1e-6
"""What a bound must exceed a whole number by to count as more: the noise of sums."""


def surely_unserved(after: Problem, served: Int64, found: int) -> int:
    """At least so many of the devices `served` have no place in any plan for `after`, the problem with gateways lost.

    `served` are those that had a gateway before the loss; `found` is how many of them the best plan known leaves out.
    """
    load = loads(after, after.start)
    room = np.where(after.closed[:, None], load, np.maximum(after.capacity, load)) * FULL
    wanted = served[~_stays_beyond_reach(after)[served]]
    links = _links(after, wanted, room)
    reaching = np.zeros(len(after.devices), np.bool_)
    reaching[after.reach.device[links]] = True
    out_of_reach = int((~reaching[wanted]).sum())
    rest = wanted[reaching[wanted]]
    if not len(rest):
        return out_of_reach
    together = _too_many(after.demand[rest], room)
    return out_of_reach + (together or _priced_out(after, links, room, found - out_of_reach))


def _stays_beyond_reach(after: Problem) -> Bool:
    """Devices served by a gateway that they do not list: they may stay there, and no link says so; left out of the proof."""
    reach = after.reach
    at_home = reach.gateway == after.start[reach.device]
    listed = np.zeros(len(after.devices), np.bool_)
    listed[reach.device[at_home]] = True
    return np.asarray((after.start != NOWHERE) & ~listed)


def _links(after: Problem, served: Int64, room: Float64) -> Int64:
    """Links that `served` devices may use after the loss: where they are, or lawful to an open gateway that is large enough."""
    reach = after.reach
    wanted = np.zeros(len(after.devices), np.bool_)
    wanted[served] = True
    links = np.flatnonzero(wanted[reach.device])
    owners, gateway = reach.device[links], reach.gateway[links]
    home = gateway == after.start[owners]
    may_go = reach.lawful[links] & ~reach.fixed[owners] & ~after.closed[gateway]
    large_enough = (after.demand[owners] <= room[gateway]).all(axis=1)
    return np.asarray(links[home | (may_go & large_enough)])


def _too_many(demand: Float64, room: Float64) -> int:
    """How many of the largest devices have to go, resource by resource, before the rest fit into all room together."""
    excess = demand.sum(axis=0) - room.sum(axis=0)
    largest = -np.sort(-demand, axis=0)
    gone = np.vstack([np.zeros(demand.shape[1]), largest.cumsum(axis=0)])
    short = gone < excess * (1.0 - _DOUBT)
    return int(short.sum(axis=0).max(initial=0))


def _priced_out(after: Problem, links: Int64, room: Float64, found: int) -> int:
    """The bound of the prices on how many of the devices of `links` stay out."""
    reach, limited = after.reach, np.isfinite(after.capacity)
    first = starts(reach.device[links])
    counts = widths(first, len(links))
    scale = np.where(limited, after.scale, 1.0)
    share = np.where(limited[reach.gateway[links]], after.demand[reach.device[links]] / scale[reach.gateway[links]], 0.0)
    relaxation = Relaxation(
        first=first,
        device=np.repeat(np.arange(len(first)), counts),
        gateway=reach.gateway[links],
        cost=np.zeros(len(links)),
        share=share,
        widths=np.where(limited, room, 0.0)[:, :, None] / scale[:, :, None],
        slopes=np.zeros(1),
        outside=np.ones(len(first)),
    )
    return int(np.ceil(ascend(relaxation, ITERATIONS, known=found).bound - _DOUBT))
