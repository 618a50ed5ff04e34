"""What devices placed together cost where they are, and what their next-best gateways would, at the loads of the end.

One by one, each device has its reason at the moment it chooses. Together, there is no such moment: the reason is that, when
all have their places, this one is where it would stay.
"""

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.choice import Option, arrival_price, departure_gain, rounded, sent_per_hour
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.rules import allowed
from tidegate.core.allocation.together import starts
from tidegate.core.allocation.trail import Cause, Step, Trail


def tell(placement: Placement, trail: Trail) -> None:
    """Replace the steps of the devices placed together, where they still have one, by what they amount to now."""
    devices = np.array(sorted(trail.together & trail.steps.keys()), np.int64)
    devices = devices[placement.gateway[devices] != NOWHERE]
    if not len(devices):
        return
    rivals = _runners_up(placement, devices)
    costs = rounded(placement, placement.cost_per_hour[devices] + departure_gain(placement, devices))
    latencies = placement.latency_excess_ms[devices]
    for device, cost, latency in zip(devices.tolist(), costs.tolist(), latencies.tolist(), strict=True):
        sent = sent_per_hour(placement, device, int(placement.gateway[device]))
        chosen = Option(int(placement.link[device]), latency, cost, sent)
        trail.record(Step(device, Cause.UNSERVED, chosen, rivals.get(device)))


def _runners_up(placement: Placement, devices: Int64) -> dict[int, Option]:
    """By device, the best link to another gateway that it might use now; devices without one are left out."""
    reach = placement.problem.reach
    wanted = np.zeros(len(placement.gateway), np.bool_)
    wanted[devices] = True
    links = np.flatnonzero(wanted[reach.device])
    links = links[reach.gateway[links] != placement.gateway[reach.device[links]]]
    links = links[allowed(placement.problem, placement.load, links)]
    cost = rounded(placement, reach.cost_per_hour[links] + arrival_price(placement, links))
    order = np.lexsort((cost, reach.latency_excess_ms[links], reach.device[links]))
    best = order[starts(reach.device[links[order]])]
    columns = (links[best], reach.latency_excess_ms[links[best]], cost[best])
    rows = zip(*(column.tolist() for column in (reach.device[links[best]], *columns)), strict=True)
    return {device: Option(link, latency, price) for device, link, latency, price in rows}
