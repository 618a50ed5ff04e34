"""A plan in waves in a whole partition: what readings say of the moved devices decides whether it goes on."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from support.forecasters import SmoothForecaster
from support.readings import MINUTE_MS, START_MS, noise, profile
from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Decision, DecisionStatus
from tidegate.contracts.reading import Reading
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.planner import plan
from tidegate.core.partition import Batch, Facts, Partition

FORECASTERS = {"universal": SmoothForecaster()}
DEVICES = [f"d{n}" for n in range(6)]
BEFORE = 300
"""Readings of each device before its gateway is drained: enough to be confident of an anomaly."""

Value = Callable[[str, int], float | None]
"""What a device measures at a minute since it was moved; None says nothing at all."""


class Rig:
    """A partition, and a planner that answers in the next batch. One device goes first, then three at a time."""

    def __init__(self) -> None:
        allocation = AllocationSettings(canary_moves=1, wave_moves=3, at_once_moves=2)
        self.partition = Partition(CoreConfiguration({"pump": profile()}, allocation=allocation), FORECASTERS)
        self.decisions: list[Decision] = []
        self.facts: list[Facts] = []
        self.minute = BEFORE
        self.commands: list[Command] = []
        self.calm = {name: noise(BEFORE + 100, random_state=place) for place, name in enumerate(DEVICES)}
        gateways = [Gateway(f"g{n}", {"devices": 9.0}) for n in range(3)]
        site = Topology("s", 1, gateways, [DevicePlacement(name, "pump", gateway="g0") for name in DEVICES])
        self._command(CommandKind.SET_TOPOLOGY, topology=site)
        self._step(
            [self._reading(name, minute, value) for name in DEVICES for minute, value in enumerate(self.calm[name][:BEFORE])]
        )
        self._command(CommandKind.DRAIN, gateway="g0")

    def go_on(self, minutes: int, value: Value, *, restart: bool = False) -> "Rig":
        """Let `minutes` go by; moved devices measure `value`, the others what is usual."""
        for _ in range(minutes):
            if restart:
                self.partition = Partition.restore(deepcopy(self.partition.export_state()), FORECASTERS)
            readings = []
            for name in DEVICES:
                measured = value(name, self.minute) if name in self.moved() else self.calm[name][self.minute]
                readings += [] if measured is None else [self._reading(name, self.minute, measured)]
            self._step(readings)
            self.minute += 1
        return self

    def moved(self) -> list[str]:
        return [name for name in DEVICES if self.partition.allocator.gateway_of("s", name) not in ("g0", None)]

    def usual(self, name: str, minute: int) -> float:
        return self.calm[name][minute]

    def _command(self, kind: CommandKind, **fields: object) -> None:
        self.commands.append(Command(f"c{len(self.facts)}-{len(self.commands)}", "s", kind, **fields))  # type: ignore[arg-type]

    def _reading(self, name: str, minute: int, value: float) -> Reading:
        return Reading(
            site="s", device=name, profile="pump", event_time_ms=START_MS + minute * MINUTE_MS, metrics={"heat": value}
        )

    def _step(self, readings: list[Reading]) -> None:
        commands, self.commands = self.commands, []
        facts = self.partition.step(Batch(START_MS + self.minute * MINUTE_MS + 1000, readings, commands))
        self.facts.append(facts)
        self.decisions += facts.decisions
        for request in facts.requests:
            self._command(CommandKind.SUBMIT_PLAN, plan=plan(request))


def statuses(rig: Rig) -> list[DecisionStatus]:
    return [decision.status for decision in rig.decisions]


P, A, W = DecisionStatus.PROPOSED, DecisionStatus.APPROVED, DecisionStatus.ROLLING_OUT


def test_while_all_is_as_usual_one_wave_follows_the_other() -> None:
    rig = Rig()
    rig.go_on(12, rig.usual)
    assert (statuses(rig), rig.moved()) == ([P, A, W, W, W, DecisionStatus.APPLIED], DEVICES)


def test_a_device_that_is_not_heard_after_its_move_halts_the_plan_and_the_others_stay() -> None:
    rig = Rig()
    rig.go_on(12, lambda name, minute: None)
    (canary,) = rig.moved()
    assert statuses(rig) == [P, A, W, DecisionStatus.HALTED]
    assert "1 of 6 moves were made" in rig.decisions[-1].reason
    assert f"device {canary}, moved to" in rig.decisions[-1].reason


def test_a_device_of_the_last_wave_that_is_not_heard_halts_the_plan_although_all_of_it_is_made() -> None:
    rig = Rig()
    early = rig.go_on(5, rig.usual).moved()
    rig.go_on(12, lambda name, minute: rig.usual(name, minute) if name in early else None)
    assert (statuses(rig), rig.moved()) == ([P, A, W, W, W, DecisionStatus.HALTED], DEVICES)
    assert rig.decisions[-1].reason.endswith("; 6 of 6 moves were made")
    assert rig.decisions[-1].reason.split()[1].rstrip(",") not in early


def test_an_anomaly_after_the_move_halts_the_plan_and_names_it() -> None:
    rig = Rig()
    rig.go_on(12, lambda name, minute: 90.0)
    (canary,) = rig.moved()
    opened = [fact for facts in rig.facts for fact in facts.anomalies if fact.status is AnomalyStatus.OPENED]
    (blamed,) = [fact for fact in opened if fact.device == canary and fact.id in rig.decisions[-1].reason]
    assert blamed.confidence >= 0.5
    assert statuses(rig) == [P, A, W, DecisionStatus.HALTED]


@pytest.mark.parametrize("value", [None, 20.0, 90.0])
def test_a_partition_that_is_restored_at_every_minute_says_the_same(value: float | None) -> None:
    first, second = Rig(), Rig()
    for rig, restart in ((first, False), (second, True)):
        rig.go_on(9, rig.usual if value is None else lambda name, minute: value, restart=restart)
    assert second.decisions == first.decisions
    assert second.partition.digest() == first.partition.digest()


def test_a_state_from_before_there_were_waves_is_restored() -> None:
    rig = Rig()
    state = rig.partition.export_state()
    (site,) = state["allocation"]["sites"]
    older = {name: value for name, value in unpack(site, dict).items() if name not in ("rollout", "calm_until_ms")}
    waves = ("canary_moves", "wave_moves", "wave_seconds", "at_once_moves")
    criteria = ("auto_approve_triggers", "auto_approve_max_moves", "auto_approve_windows")
    allocation = {name: value for name, value in state["configuration"]["allocation"].items() if name not in waves + criteria}
    state["configuration"] = {**state["configuration"], "allocation": allocation}
    state["allocation"] = {**state["allocation"], "sites": [pack(older)]}
    restored = Partition.restore(state, FORECASTERS)
    assert restored.allocator.sites() == rig.partition.allocator.sites()
    assert restored.configuration.allocation == AllocationSettings()
