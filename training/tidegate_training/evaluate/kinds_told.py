"""Which kind of fault the service told of faults whose kind is known: the simulator's own, and those put into recorded series.

Drives detection as a worker does, with a tick per round, since silence, clocks and gateways are judged at ticks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind, Incident, IncidentCause
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import AnomalyId
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection
from tidegate.core.forecaster import Forecaster
from tidegate.fleet.simulator.faults import FaultType
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import lay_out
from tidegate.fleet.simulator.schedule import Programme, schedule
from tidegate.fleet.simulator.spec import FleetSpec
from tidegate_training.evaluate.kind_injections import ROWS, START_MS, FaultyFleet, Truth

AFTERWARDS = 8
"""Intervals after its end in which an anomaly that opens still is of a dropout, a wrong clock or a lost link: silence is told
late. Of a fault of values, what opens after its end is the return."""

UNHEARD = frozenset({FaultKind.DROPOUT, FaultKind.CLOCK, FaultKind.LINK})
"""Faults of what arrives, not of what it says."""

AFTERMATH = 100
"""Intervals after a fault's end in which an anomaly that opens is neither of it nor a false one: a return is a change too."""

SIMULATED = {
    FaultType.SPIKE: FaultKind.SPIKE,
    FaultType.LEVEL_SHIFT: FaultKind.LEVEL_SHIFT,
    FaultType.STUCK: FaultKind.STUCK,
    FaultType.DRIFT: FaultKind.DRIFT,
    FaultType.DROPOUT: FaultKind.DROPOUT,
    FaultType.CLOCK_JUMP: FaultKind.CLOCK,
    FaultType.GATEWAY_OUTAGE: FaultKind.LINK,
}
"""The simulator's faults and the kinds they should be told as. A surge of demand is no fault."""

HISTORY_SECONDS = 1200
"""Of simulated readings before the first fault: 600 of each device, two simulated days."""


@dataclass(slots=True)
class Heard:
    """What was told: of each anomaly the first fact and the latest kind, and incidents of gateways."""

    opened: dict[AnomalyId, Anomaly] = field(default_factory=dict)
    latest: dict[AnomalyId, FaultKind] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)

    def note(self, anomalies: Sequence[Anomaly], incidents: Sequence[Incident]) -> None:
        """Take in the facts of one step."""
        for fact in anomalies:
            if fact.status is AnomalyStatus.OPENED:
                self.opened[fact.id] = fact
            self.latest[fact.id] = fact.fault_kind
        self.incidents += [each for each in incidents if each.cause is IncidentCause.GATEWAY_SILENT and each.version == 1]


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and the kind it was told as in the end and `at_opening`; null: no anomaly opened in time."""

    truth: Truth
    told: FaultKind | None
    at_opening: FaultKind | None


@dataclass(frozen=True, slots=True)
class Told:
    """Cases, and the kinds of anomalies that opened where no fault was or had just been."""

    cases: list[Case]
    elsewhere: list[FaultKind]


def tell_injected(fleet: FaultyFleet, configuration: CoreConfiguration, forecaster: Forecaster) -> Told:
    """Stream a fleet of recorded stretches through detection."""
    detection, heard = Detection(configuration, {"universal": forecaster}), Heard()
    for row in range(ROWS):
        _step(detection, fleet.readings(row), fleet.moment_ms(row), heard)
    return match(fleet.truths, heard, {fleet.site: fleet.interval_ms})


def tell_simulated(seed: int, seconds: int, forecaster: Forecaster) -> Told:
    """Stream a simulated fleet with a fault every eight seconds or so through detection."""
    spec = FleetSpec(START_MS, seed=seed)
    profiles = shipped_profiles()
    layout = lay_out(spec, profiles, revision=1)
    programme = Programme(START_MS + 1000 * HISTORY_SECONDS, 8.0, tuple(SIMULATED))
    fleet = Fleet(spec, layout, schedule(programme, spec, layout))
    detection = Detection(CoreConfiguration({str(name): each for name, each in profiles.items()}), {"universal": forecaster})
    heard, truths = Heard(), []
    for slot in fleet.slots(START_MS + 1000 * (HISTORY_SECONDS + seconds)):
        truths += [
            Truth(
                SIMULATED[each.type],
                each.site,
                tuple(each.devices),
                each.gateway,
                each.start_ms,
                each.end_ms,
                str(each.gateway or each.devices[0]),
            )
            for each in slot.labels
        ]
        _step(detection, slot.readings, slot.moment_ms, heard)
    return match(truths, heard, dict.fromkeys(layout.sites, spec.interval_ms))


def _step(detection: Detection, readings: Sequence[Reading], moment_ms: int, heard: Heard) -> None:
    result = detection.observe(readings, moment_ms)
    heard.note(result.anomalies, result.incidents)
    result = detection.tick(moment_ms)
    heard.note(result.anomalies, result.incidents)


def match(truths: Sequence[Truth], heard: Heard, interval_ms: dict[str, int]) -> Told:
    """Of each fault the first anomaly that opened in its time; faults of a device that overlap another of it are left out."""
    by_device: dict[str, list[Anomaly]] = {}
    for fact in heard.opened.values():
        by_device.setdefault(fact.device, []).append(fact)
    cases = []
    for truth in truths:
        late_ms = AFTERWARDS * interval_ms[truth.site]
        if any(other is not truth and _spoils(other, truth, late_ms) for other in truths):
            continue
        late_ms = late_ms if truth.kind in UNHEARD else 0
        if truth.kind is FaultKind.LINK:
            cases.append(_link(truth, heard, late_ms))
            continue
        opened = [each for each in by_device.get(truth.devices[0], []) if _within(each.opened_at_ms, truth, late_ms)]
        first = min(opened, key=lambda each: each.opened_at_ms, default=None)
        cases.append(Case(truth, heard.latest[first.id] if first else None, first.fault_kind if first else None))
    return Told(cases, _elsewhere(truths, heard, interval_ms))


def _link(truth: Truth, heard: Heard, late_ms: int) -> Case:
    """A gateway's fall is told as an incident of it; the devices' own silence would be another kind."""
    told = any(each.gateway == truth.gateway and _within(each.opened_at_ms, truth, late_ms) for each in heard.incidents)
    if told:
        return Case(truth, FaultKind.LINK, FaultKind.LINK)
    own = [
        heard.latest[each.id]
        for each in heard.opened.values()
        if each.device in truth.devices and _within(each.opened_at_ms, truth, late_ms)
    ]
    return Case(truth, own[0] if own else None, own[0] if own else None)


def _within(at_ms: int, truth: Truth, late_ms: int) -> bool:
    return truth.start_ms <= at_ms < truth.end_ms + late_ms


def _spoils(other: Truth, truth: Truth, late_ms: int) -> bool:
    """Whether what is told of `truth` may be of `other`; one device's fault does not hide its gateway's fall."""
    if truth.kind is FaultKind.LINK and other.kind is not FaultKind.LINK:
        return False
    shared = set(truth.devices) & set(other.devices)
    return bool(shared) and truth.start_ms < other.end_ms + 3 * late_ms and other.start_ms < truth.end_ms + late_ms


def _elsewhere(truths: Sequence[Truth], heard: Heard, interval_ms: dict[str, int]) -> list[FaultKind]:
    by_device: dict[str, list[Truth]] = {}
    for truth in truths:
        for device in truth.devices:
            by_device.setdefault(device, []).append(truth)
    first_ms = min((truth.start_ms for truth in truths), default=0)
    return [
        heard.latest[fact.id]
        for fact in heard.opened.values()
        if fact.opened_at_ms >= first_ms
        and not any(
            _within(fact.opened_at_ms, each, AFTERMATH * interval_ms[each.site]) for each in by_device.get(fact.device, [])
        )
    ]
