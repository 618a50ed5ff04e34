"""What a site needs a plan for, most urgent first: silent gateways, drained ones, unserved devices, overload, then time."""

from dataclasses import dataclass

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Trigger
from tidegate.core.allocation.arrays import NOWHERE, Bool
from tidegate.core.allocation.placement import FULL, loads
from tidegate.core.allocation.problem import Problem
from tidegate.core.identity import fact_id


@dataclass(frozen=True, slots=True)
class Need:
    """Why a plan is wanted. `about` is equal for equal needs: the same question is not asked again before `again_after_ms`."""

    trigger: Trigger
    about: str
    again_after_ms: int


def needs_of(problem: Problem, settings: AllocationSettings) -> list[Need]:
    """A site's needs, most urgent first; the last is always the need for a regular look."""
    period_ms, cooldown_ms = int(settings.period_seconds * 1000), int(settings.cooldown_seconds * 1000)
    needs = [
        Need(trigger, _about(trigger, problem, devices), period_ms) for trigger, devices in _in_need(problem) if devices.any()
    ]
    overloaded = _overloaded(problem, settings.overload_threshold)
    if overloaded.any():
        # Another gateway above its capacity is another question: it does not wait for the cool-down of the last one.
        names = (problem.gateways[index] for index in np.flatnonzero(overloaded))
        needs.append(Need(Trigger.FORECAST_OVERLOAD, fact_id("overload", *names), cooldown_ms))
    return [*needs, Need(Trigger.PERIOD, "", period_ms)]


def _in_need(problem: Problem) -> list[tuple[Trigger, Bool]]:
    unserved = problem.start == NOWHERE
    return [
        (Trigger.GATEWAY_DOWN, unserved & (problem.listed != NOWHERE)),
        (Trigger.GATEWAY_DRAINED, problem.misplaced),
        (Trigger.UNSERVED_DEVICES, unserved & (problem.listed == NOWHERE)),
    ]


def _overloaded(problem: Problem, threshold: float) -> Bool:
    """Which living gateways' load is above `threshold` (share of capacity) in some resource, bool [gateway]."""
    load = loads(problem, problem.start)
    above: Bool = (load > problem.capacity * threshold * FULL).any(axis=1) & ~problem.dead
    return above


def _about(trigger: Trigger, problem: Problem, devices: Bool) -> str:
    names = (problem.devices[index] for index in np.flatnonzero(devices))
    closed = (problem.gateways[index] for index in np.flatnonzero(problem.closed))
    return fact_id(trigger, *names, "", *closed)
