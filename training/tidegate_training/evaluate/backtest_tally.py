"""What a policy's assignments come to on the demand that followed, interval by interval; and what nobody could have avoided."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.allocation.goals import MOVE_PRICE, congestion
from tidegate_training.evaluate.policies import NOWHERE, Int64, capacity_matrix, loads, reach_matrix
from tidegate_training.evaluate.scenario import Float64, Scenario

HOURS_PER_DAY: Final = 24
MINUTES_PER_DAY: Final = 1440


@dataclass(frozen=True, slots=True)
class Tally:
    """One policy over T intervals of `minutes` each with `devices` devices; arrays float64 [T].

    `overloaded` gateways above capacity, `excess` what they are above it by, as shares summed; `unserved` and `served`
    devices; `waited_ms` latencies summed over the served; `moves` devices that are elsewhere than an interval before;
    `cost_per_hour` of links and congestion, in the objective's units.
    """

    devices: int
    minutes: float
    overloaded: Float64
    excess: Float64
    unserved: Float64
    served: Float64
    waited_ms: Float64
    moves: Float64
    cost_per_hour: Float64

    def of(self, chosen: NDArray[np.int64]) -> dict[str, float]:
        """Figures over the intervals `chosen` (with repeats, as a bootstrap draws them)."""
        days = len(chosen) * self.minutes / MINUTES_PER_DAY
        moves = self.moves[chosen].sum()
        return {
            "overload_minutes_per_day": float(self.overloaded[chosen].sum() * self.minutes / days),
            "excess_minutes_per_day": float(self.excess[chosen].sum() * self.minutes / days),
            "unserved_device_minutes_per_day": float(self.unserved[chosen].sum() * self.minutes / days),
            "latency_ms": float(self.waited_ms[chosen].sum() / max(self.served[chosen].sum(), 1)),
            "moves_per_device_day": float(moves / days / self.devices),
            "cost_per_hour": float(self.cost_per_hour[chosen].mean()),
        }


class Judge:
    """Holds assignments against a scenario's demand, in the objective's own terms."""

    def __init__(self, scenario: Scenario, interval_minutes: float) -> None:
        self.demand, self.minutes = scenario.traces.demand, interval_minutes
        self.capacity = capacity_matrix(scenario)
        self.latency_ms, self.link_cost = _links(scenario)
        self.cost_unit = float(self.link_cost[np.isfinite(self.link_cost) & (self.link_cost > 0)].mean())

    def tally(self, assigned: Int64, first: Int64) -> Tally:
        """The tally of `assigned` int64 [T, device]: row t is in force in interval t + 1. Before it was `first` [device]."""
        rows = [self._interval(now, self.demand[step + 1]) for step, now in enumerate(assigned)]
        overloaded, excess, unserved, served, waited, cost = np.array(rows).T
        moves = (np.diff(assigned, axis=0, prepend=first[None]) != 0).sum(axis=1).astype(float)
        return Tally(len(first), self.minutes, overloaded, excess, unserved, served, waited, moves, cost)

    def move_cost_per_hour(self, moves_per_hour: float, payback_hours: float) -> float:
        """What moving costs by the objective: each move its price for as long as it has to pay back."""
        return moves_per_hour * MOVE_PRICE * self.cost_unit * payback_hours

    def _interval(self, assigned: Int64, demand: Float64) -> tuple[float, ...]:
        share = loads(assigned, demand, len(self.capacity)) / self.capacity
        above = share.max(axis=1)
        present = ~np.isnan(demand).all(axis=1)
        served = np.flatnonzero(present & (assigned != NOWHERE))
        used = (served, assigned[served])
        cost = self.link_cost[used].sum() + self.cost_unit * congestion(share).sum()
        unserved = (present & (assigned == NOWHERE)).sum()
        excess = np.maximum(above - 1, 0).sum()
        return (float((above > 1).sum()), float(excess), float(unserved), float(len(served)), self._waited(used), float(cost))

    def _waited(self, used: tuple[Int64, Int64]) -> float:
        return float(self.latency_ms[used].sum())


def unavoidable(scenario: Scenario) -> Float64:
    """Gateways that are above capacity in each interval wherever devices are, at least; float64 [T - 1]. A proven bound.

    A device that needs more than any gateway has overloads the one it is on; devices that share no reach are on different ones.
    """
    largest = capacity_matrix(scenario).max(axis=0)
    too_big = (np.nan_to_num(scenario.traces.demand[1:]) > largest).any(axis=2)
    reach = reach_matrix(scenario)
    return np.array([_apart(reach, np.flatnonzero(row)) for row in too_big], np.float64)


def exceedance(requests: Float64, assigned: Int64, demand: Float64, horizon: int) -> tuple[Float64, Float64]:
    """How often load is above what was set aside, [T, gateway, resource] pooled by interval: (times, chances), float64 [T].

    `requests` [T, device, resource] at step t are held, summed by gateway, against the load of the same devices `horizon`
    steps later; a gateway without devices is no chance.
    """
    steps = len(assigned) - horizon
    gateways = int(assigned.max()) + 1
    times, chances = np.zeros(len(assigned)), np.zeros(len(assigned))
    for step in range(max(steps, 0)):
        here = np.flatnonzero(~np.isnan(demand[step + horizon]).any(axis=1))
        at = np.full(len(demand[step]), NOWHERE)
        at[here] = assigned[step, here]
        asked, came = loads(at, requests[step], gateways), loads(at, demand[step + horizon], gateways)
        counted = asked > 0
        times[step], chances[step] = (came > asked)[counted].sum(), counted.sum()
    return times, chances


def _apart(reach: NDArray[np.bool_], devices: Int64) -> int:
    """How many of `devices` a greedy look finds that share no gateway with one another."""
    taken, found = np.zeros(reach.shape[1], np.bool_), 0
    for device in devices:
        if not (reach[device] & taken).any():
            taken |= reach[device]
            found += 1
    return found


def _links(scenario: Scenario) -> tuple[Float64, Float64]:
    """Latency (ms) and cost per hour of each link, float64 [device, gateway]; infinite out of reach."""
    index = {gateway.id: place for place, gateway in enumerate(scenario.topology.gateways)}
    latency = np.full((len(scenario.topology.devices), len(index)), np.inf)
    cost = latency.copy()
    for row, device in enumerate(scenario.topology.devices):
        for link in device.reach:
            latency[row, index[link.gateway]], cost[row, index[link.gateway]] = link.latency_ms, link.cost_per_hour
    return latency, cost
