"""Gateways that hold devices to their grants, in a loop with the service: it sees only what they let devices use.

A device uses what it needs, as far as its grant goes; one that was granted nothing yet takes part in what is left. No gateway
gives more than it has. What a device could not use is lost, and its readings say nothing of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import DeviceId, MetricName
from tidegate.contracts.reading import Reading
from tidegate.core.allocation.sharing import shared_out
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Facts
from tidegate_training.evaluate.policies import NOWHERE, Int64, Service, capacity_matrix
from tidegate_training.evaluate.scenario import Float64, Scenario


class HeldService(Service):
    """`Service` among such gateways. Arrays float64 [step, device, resource], of intervals that have been decided:
    `used`, `granted`, and `could` be used where the devices were, had their gateways shared out fairly what they have.

    `renewals` counts grants set anew in place.
    """

    further_ticks: ClassVar[int] = 3
    """What one grant gives up is another's at the next review, a second later."""

    def __init__(self, scenario: Scenario, configuration: CoreConfiguration, forecaster: Forecaster) -> None:
        shape = scenario.traces.demand.shape
        self.used, self.granted, self.could = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.renewals = 0
        self._grants = np.zeros(shape[1:])
        self._capacity = capacity_matrix(scenario)
        self._terms = _terms(scenario, configuration)
        super().__init__(scenario, configuration, forecaster)

    def _readings(self, step: int, until_ms: int) -> list[Reading]:
        demand = np.nan_to_num(self._scenario.traces.demand[step])
        bound = np.where(self._grants > 0, np.minimum(demand, self._grants), demand)
        self.used[step], self.could[step] = (_given(each, self._assigned, self._capacity) for each in (bound, demand))
        self.granted[step] = self._grants
        share = np.divide(self.used[step], demand, out=np.ones_like(demand), where=demand > 0)
        return [self._as_used(reading, share) for reading in super()._readings(step, until_ms)]

    def _as_used(self, reading: Reading, share: Float64) -> Reading:
        """`reading` of a device that could use that `share` float64 [device, resource] of what it needed."""
        metrics, row = dict(reading.metrics), share[self._devices[reading.device]]
        for part, terms in zip(row.tolist(), self._terms[reading.device], strict=True):
            metrics.update({name: value * part for name in terms if (value := metrics.get(name)) is not None})
        return replace(reading, metrics=metrics)

    def _follow(self, facts: Facts) -> None:
        super()._follow(facts)
        for each in facts.assignments:
            row = self._devices[each.device]
            self._grants[row] = [each.grant.get(name, 0.0) for name in self._scenario.traces.resources]
            self.renewals += each.is_renewal


def _given(wanted: Float64, assigned: Int64, capacity: Float64) -> Float64:
    """What devices get of what is `wanted` float64 [device, resource]; nobody gets anything from nowhere."""
    given, served = np.zeros_like(wanted), np.flatnonzero(assigned != NOWHERE)
    given[served] = shared_out(wanted[served], np.ones(len(served)), assigned[served], capacity)
    return given


def _terms(scenario: Scenario, configuration: CoreConfiguration) -> Mapping[DeviceId, Sequence[Sequence[MetricName]]]:
    """The metrics that make each resource of each device, resources in the order of its demand."""
    terms = {
        name: [[term.metric for term in profile.demand[each].terms] for each in scenario.traces.resources]
        for name, profile in configuration.profiles.items()
        if set(scenario.traces.resources) <= set(profile.demand)
    }
    return {series.device: terms[series.profile] for series in scenario.traces.series}
