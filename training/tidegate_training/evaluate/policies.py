"""Who decides where devices go in the allocation backtest: the service, two rivals that see the same readings, one that knows.

A policy is shown one interval's demand and answers with the assignment it wants from then on; it is judged on the next
interval, which it has not seen. Only the clairvoyant has: it is what the others are measured against, not a rival.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, PlanId
from tidegate.contracts.plan import Decision, Trigger
from tidegate.contracts.reading import Reading
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan, search
from tidegate.core.allocation.problem import problem_of
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Batch, Facts, Partition
from tidegate_training.evaluate.plan_checks import out_of_reach, over_capacity
from tidegate_training.evaluate.scenario import Float64, Scenario
from tidegate_training.evaluate.scoring import reading_of

Int64 = NDArray[np.int64]

NOWHERE: Final = -1
"""Assignment of a device that nobody serves."""

PLANNING_MS: Final = 1000
"""Milliseconds between a plan's request and its way back: one tick, as in a running service."""


@dataclass(slots=True)
class Record:
    """What a policy did. `seconds` is the time it took to decide, by decision; `moved` counts devices by plan of the service."""

    plans: int = 0
    moves: int = 0
    plans_over_capacity: int = 0
    plans_out_of_reach: int = 0
    seconds: list[float] = field(default_factory=list)
    moved: dict[PlanId, int] = field(default_factory=dict)

    def count(self, decision: Decision) -> None:
        """Count what the plan of `decision` has moved, wave by wave: it may outlast the scenario."""
        moved = decision.moved if decision.progress is None else decision.progress.moved
        if moved:
            before = self.moved.get(decision.plan_id, 0)
            self.plans += before == 0
            self.moves += moved - before
            self.moved[decision.plan_id] = moved


class Policy(Protocol):
    """Decides from what has been seen so far."""

    record: Record

    def decide(self, step: int) -> Int64:
        """Gateway index by device, int64 [D], from interval `step` on, having seen the demand up to and including it."""
        ...


class DoNothing:
    """Every device stays at its nearest gateway."""

    def __init__(self, scenario: Scenario) -> None:
        self.record = Record()
        self._assigned = initial_assignment(scenario)

    def decide(self, step: int) -> Int64:
        """Where everyone was."""
        return self._assigned


class Greedy:
    """Reacts: empties what is too full now, heaviest device first, to the reachable gateway with most room for it."""

    def __init__(self, scenario: Scenario) -> None:
        self.record = Record()
        self._demand = scenario.traces.demand
        self._assigned = initial_assignment(scenario)
        self._latest = np.zeros(self._demand.shape[1:])
        self._capacity = capacity_matrix(scenario)
        self._reach = reach_matrix(scenario)

    def decide(self, step: int) -> Int64:
        """Move until nothing is too full or nothing fits."""
        started = perf_counter()
        seen = self._demand[step]
        self._latest = np.where(np.isnan(seen), self._latest, seen)
        load = loads(self._assigned, self._latest, len(self._capacity))
        before = self.record.moves
        for gateway in np.flatnonzero((load > self._capacity).any(axis=1)):
            self._relieve(int(gateway), load)
        self.record.plans += self.record.moves > before
        self.record.seconds.append(perf_counter() - started)
        return self._assigned.copy()

    def _relieve(self, gateway: int, load: Float64) -> None:
        share = (self._latest / self._capacity[gateway]).max(axis=1)
        tenants = np.flatnonzero(self._assigned == gateway)
        for device in tenants[np.argsort(-share[tenants], kind="stable")]:
            if (load[gateway] <= self._capacity[gateway]).all():
                return
            room = (1 - (load + self._latest[device]) / self._capacity).min(axis=1)
            room[~self._reach[device]] = -np.inf
            room[gateway] = -np.inf
            target = int(np.argmax(room))
            if room[target] >= 0:
                load[gateway] -= self._latest[device]
                load[target] += self._latest[device]
                self._assigned[device] = target
                self.record.moves += 1


class Clairvoyant:
    """Knows the next interval's demand and moves for nothing: the shipped search, from where the last one ended.

    What it cannot avoid, nobody is expected to who sees only the past. A search's result, not a proven bound.
    """

    def __init__(self, scenario: Scenario, configuration: CoreConfiguration) -> None:
        self.record = Record()
        self._scenario = scenario
        moves = len(scenario.topology.devices)
        self._settings = replace(configuration.allocation, max_moves_per_plan=moves, minimum_benefit_ratio=0.0)
        self._assigned = initial_assignment(scenario)

    def decide(self, step: int) -> Int64:
        """The best that the search finds for the interval to come."""
        request = self._request(np.nan_to_num(self._scenario.traces.demand[step + 1]))
        found, _ = search(problem_of(request), request.trigger, request.settings)
        self._assigned = found.gateway.copy()
        return self._assigned.copy()

    def _request(self, coming: Float64) -> PlanRequest:
        topology = self._scenario.topology
        at = [topology.gateways[gateway].id if gateway != NOWHERE else None for gateway in self._assigned]
        now = Situation(self._scenario.traces.resources, coming.tolist(), at, [1] * len(at), [], [], [], [])
        return PlanRequest(PlanId("known"), topology.site, Trigger.OPERATOR, 0, 1, topology, now, self._settings, "")


class Service:
    """Tidegate's own core, detection and forecasts included, with the planner answering one tick after it was asked.

    `requests` float64 [step, device, resource] are what it was ready to set aside for each device when it decided.
    """

    further_ticks: ClassVar[int] = 0
    """Ticks of each interval after the one that hears its readings, whether or not a plan is asked for."""

    def __init__(self, scenario: Scenario, configuration: CoreConfiguration, forecaster: Forecaster) -> None:
        self.record = Record()
        self.requests = np.zeros(scenario.traces.demand.shape)
        self._scenario = scenario
        self._assigned = initial_assignment(scenario)
        self._gateways: Mapping[GatewayId | None, int] = {
            gateway.id: index for index, gateway in enumerate(scenario.topology.gateways)
        }
        self._devices: Mapping[DeviceId, int] = {series.device: index for index, series in enumerate(scenario.traces.series)}
        self._partition = Partition(configuration, {"universal": forecaster})
        self._rows = [0] * len(self._devices)
        topology = Command(CommandId("topology"), scenario.topology.site, CommandKind.SET_TOPOLOGY, topology=scenario.topology)
        self._follow(self._partition.step(Batch(int(scenario.traces.event_time_ms[0]) - 1000, commands=[topology])))

    def decide(self, step: int) -> Int64:
        """One interval's readings into the core, and the plan it asks for back into it."""
        tick_ms = int(self._scenario.traces.event_time_ms[step]) + 1000
        facts = self._partition.step(Batch(tick_ms, readings=self._readings(step, tick_ms)))
        self._follow(facts)
        further = self.further_ticks
        while facts.requests or further > 0:
            tick_ms, further = tick_ms + PLANNING_MS, further - 1
            commands = [self._answer(request) for request in facts.requests]
            facts = self._partition.step(Batch(tick_ms, commands=commands))
            self._follow(facts)
        self._note_requests(step)
        return self._assigned.copy()

    def _readings(self, step: int, until_ms: int) -> list[Reading]:
        """What the devices have sent before `until_ms` and not been heard saying yet; `step` is the interval that ends there."""
        readings = []
        for place, series in enumerate(self._scenario.traces.series):
            while self._rows[place] < len(series) and int(series.event_time_ms[self._rows[place]]) < until_ms:
                readings.append(reading_of(series, self._rows[place], self._scenario.topology.site))
                self._rows[place] += 1
        return readings

    def _note_requests(self, step: int) -> None:
        demand = self._partition.demand(self._scenario.topology.site)
        rows = [self._devices[device] for device in demand.devices]
        for place, resource in enumerate(self._scenario.traces.resources):
            if resource in demand.resources:
                self.requests[step, rows, place] = demand.grant_request[:, demand.resources.index(resource)]

    def _answer(self, request: PlanRequest) -> Command:
        started = perf_counter()
        answer = plan(request)
        self.record.seconds.append(perf_counter() - started)
        self.record.plans_over_capacity += bool(over_capacity(request, answer))
        self.record.plans_out_of_reach += bool(out_of_reach(request, answer))
        return Command(CommandId(f"submit-{answer.id}"), request.site, CommandKind.SUBMIT_PLAN, plan=answer)

    def _follow(self, facts: Facts) -> None:
        for decision in facts.decisions:
            self.record.count(decision)
        for assignment in facts.assignments:
            self._assigned[self._devices[assignment.device]] = self._gateways.get(assignment.gateway, NOWHERE)


def initial_assignment(scenario: Scenario) -> Int64:
    """Gateway index by device, as the topology starts."""
    index = {gateway.id: place for place, gateway in enumerate(scenario.topology.gateways)}
    return np.array([NOWHERE if d.gateway is None else index[d.gateway] for d in scenario.topology.devices], np.int64)


def capacity_matrix(scenario: Scenario) -> Float64:
    """Capacity, float64 [gateway, resource]."""
    resources = scenario.traces.resources
    return np.array([[gateway.capacity[name] for name in resources] for gateway in scenario.topology.gateways])


def reach_matrix(scenario: Scenario) -> NDArray[np.bool_]:
    """Whether a gateway can serve a device, bool [device, gateway]."""
    index = {gateway.id: place for place, gateway in enumerate(scenario.topology.gateways)}
    reach = np.zeros((len(scenario.topology.devices), len(index)), np.bool_)
    for row, device in enumerate(scenario.topology.devices):
        reach[row, [index[link.gateway] for link in device.reach]] = True
    return reach


def loads(assigned: Int64, demand: Float64, gateways: int) -> Float64:
    """Load by gateway, float64 [gateway, resource], of `demand` [device, resource]; NaN counts as nothing."""
    load = np.zeros((gateways, demand.shape[1]))
    served = assigned != NOWHERE
    np.add.at(load, assigned[served], np.nan_to_num(demand[served]))
    return load
