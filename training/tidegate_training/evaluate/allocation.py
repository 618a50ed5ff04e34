"""The allocation study: recorded demand on gateways, served by Tidegate's allocator, by a greedy rival, and left alone.

Each interval, a policy sees the readings so far and decides; what it decided is held against the *next* interval's demand.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import SiteId
from tidegate.core.forecaster import Forecaster
from tidegate.errors import InputError
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.series import Series
from tidegate_training.evaluate.policies import (
    NOWHERE,
    DoNothing,
    Greedy,
    Int64,
    Policy,
    Service,
    capacity_matrix,
    loads,
)
from tidegate_training.evaluate.scenario import Float64, Scenario, build_scenario, common_traces

SITE: Final = SiteId("evaluation")

MAX_DEVICES: Final = 400
"""Devices taken of one profile at most, the first ones: PlanetLab has a thousand VMs a day."""

MINUTES_PER_DAY: Final = 1440

NOTES: Final = (
    "Every policy sees the readings up to an interval, decides, and is judged on the next interval's recorded demand.",
    "do-nothing: every device stays at its nearest gateway. greedy: when a gateway is above capacity now, its heaviest devices "
    "go to the reachable gateway with most room. tidegate: the service's core as shipped (forecasts, planner, policy), with the "
    "planner's answer one second after its request.",
    "overload_minutes: minutes times gateways above capacity in any resource; excess_minutes: the same weighted by the excess as "
    "a share of capacity. latency_ms: mean over served device-intervals of the link in use.",
    "plans_over_capacity and plans_out_of_reach are recomputed from each request, not taken from the planner.",
)


def load_demand(folder: Path, configuration: CoreConfiguration) -> list[Series]:
    """The series of `folder` whose profile maps metrics to demand: of the profile with most resources, then most readings.

    Only those that overlap in time with the earliest one: VMs of another day were never there together.

    Raises:
        InputError: there is none.
    """
    found: dict[str, list[Series]] = {}
    for series in iter_dataset(folder):
        profile = configuration.profiles.get(series.profile)
        if profile is not None and profile.demand:
            found.setdefault(series.profile, []).append(series)
    if not found:
        raise InputError(
            f"{folder}: no series whose profile says what it demands", advice="see the Bitbrains and PlanetLab formats"
        )
    name = max(found, key=lambda name: (len(configuration.profiles[name].demand), sum(map(len, found[name]))))
    earliest = min(found[name], key=lambda series: int(series.event_time_ms[0]))
    together = [series for series in found[name] if series.event_time_ms[0] <= earliest.event_time_ms[-1]]
    return together[:MAX_DEVICES]


def run_allocation(
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    *,
    days: float | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[Scenario, dict[str, Any]]:
    """Replay the demand of `folder` under each policy and return the scenario and its figures.

    Raises:
        InputError: no series with demand there.
    """
    taken = load_demand(folder, configuration)
    profile = configuration.profiles[taken[0].profile]
    steps = None if days is None else round(days * 86_400 / profile.interval_seconds)
    scenario = build_scenario(folder, SITE, common_traces(taken, profile, steps=steps))
    policies: dict[str, Policy] = {
        "do-nothing": DoNothing(scenario),
        "greedy": Greedy(scenario),
        "tidegate": Service(scenario, configuration, forecaster),
    }
    figures = {
        name: judge_policy(policy, scenario, profile.interval_seconds / 60, partial(progress, name))
        for name, policy in policies.items()
    }
    return scenario, figures


def judge_policy(
    policy: Policy, scenario: Scenario, interval_minutes: float, progress: Callable[[int, int], None] = lambda *_: None
) -> dict[str, float | int]:
    """Figures of `policy` over the whole trace; the module says what is counted."""
    demand, capacity, latency = scenario.traces.demand, capacity_matrix(scenario), latency_matrix(scenario)
    tally = _Tally(capacity, latency, interval_minutes)
    for step in range(len(demand) - 1):
        tally.add(policy.decide(step), demand[step + 1])
        if step % 50 == 0:
            progress(step + 1, len(demand))
    progress(len(demand), len(demand))
    return {**tally.figures(), **_record_figures(policy)}


class _Tally:
    def __init__(self, capacity: Float64, latency: Float64, interval_minutes: float) -> None:
        self._capacity, self._latency, self._minutes = capacity, latency, interval_minutes
        self._overloaded = self._unserved = 0
        self._excess = 0.0
        self._peak: list[float] = []
        self._waits: list[float] = []

    def add(self, assigned: Int64, demand: Float64) -> None:
        """Hold one interval's `demand` [D, R] against `assigned` [D]."""
        share = loads(assigned, demand, len(self._capacity)) / self._capacity
        above = share.max(axis=1)
        self._overloaded += int((above > 1).sum())
        self._excess += float(np.maximum(above - 1, 0).sum())
        present = ~np.isnan(demand).all(axis=1)
        self._unserved += int((present & (assigned == NOWHERE)).sum())
        self._peak.append(float(above.max()))
        served = np.flatnonzero(present & (assigned != NOWHERE))
        self._waits.append(float(self._latency[served, assigned[served]].mean()) if len(served) else np.nan)

    def figures(self) -> dict[str, float | int]:
        """The sums so far."""
        return {
            "overload_minutes": self._overloaded * self._minutes,
            "excess_minutes": self._excess * self._minutes,
            "unserved_device_minutes": self._unserved * self._minutes,
            "latency_ms": float(np.nanmean(self._waits)),
            "highest_utilisation_median": float(np.median(self._peak)),
            "highest_utilisation_p99": float(np.quantile(self._peak, 0.99)),
            "days": len(self._peak) * self._minutes / MINUTES_PER_DAY,
        }


def _record_figures(policy: Policy) -> dict[str, float | int]:
    record = policy.record
    seconds: Sequence[float] = record.seconds or [np.nan]
    return {
        "plans": record.plans,
        "moves": record.moves,
        "plans_over_capacity": record.plans_over_capacity,
        "plans_out_of_reach": record.plans_out_of_reach,
        "decision_ms_p50": 1000 * float(np.quantile(seconds, 0.5)),
        "decision_ms_p99": 1000 * float(np.quantile(seconds, 0.99)),
    }


def latency_matrix(scenario: Scenario) -> Float64:
    """Latency of each link in milliseconds, float64 [device, gateway]; infinite out of reach."""
    index = {gateway.id: place for place, gateway in enumerate(scenario.topology.gateways)}
    latency = np.full((len(scenario.topology.devices), len(index)), np.inf)
    for row, device in enumerate(scenario.topology.devices):
        for link in device.reach:
            latency[row, index[link.gateway]] = link.latency_ms
    return latency
