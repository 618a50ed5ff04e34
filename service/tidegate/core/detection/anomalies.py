"""Anomalies' life: opened once, updated when it matters, closed when the episode is over. One open anomaly per device.

Facts are made here and kept while open; what is alarming was decided in `judgement`, who is silent in `silence`. Of devices
that take late readings, what was told since their older checkpoint is kept too, for `amendment` to compare.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from tidegate.contracts.anomaly import UNHEARD, Anomaly, AnomalyStatus, FaultKind, Reason
from tidegate.contracts.ids import AnomalyId, IncidentId, MetricName
from tidegate.core.detection import course
from tidegate.core.detection.explanation import CLOCK, MOST_REASONS, SILENCE, class_name, fault_kind
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.look import Subject
from tidegate.core.detection.maintenance import Maintenance, Named
from tidegate.core.detection.profiles import SEVERITIES
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.row_scores import RARITY_CAP
from tidegate.core.detection.state import NO_ANOMALY, NO_PAST
from tidegate.core.detection.streams import level
from tidegate.core.detection.words import how_often_known
from tidegate.core.identity import anomaly_id

HALF_CONFIDENCE: Final = 256.0
"""Readings in a device's tail at which we are half sure: then an alert budget of one in 5,000 is a 20-fold extrapolation."""

RULE_CONFIDENCE: Final = 0.9
"""Of an alarm that rests on a rule (impossible value, silence) and not on what was learned."""

READING: Final = "reading"
"""What opens an anomaly, if it is not silence: a part of its id."""

RULES: Final = frozenset({*UNHEARD, FaultKind.STUCK, FaultKind.DROPOUT, FaultKind.ATTACK, FaultKind.UNKNOWN_CLASS})
"""Kinds whose appearance changes what an operator does, so that an open anomaly is updated. No course overrules them."""


@dataclass(frozen=True, slots=True)
class Told:
    """The latest fact about an anomaly, and when it opened by the device's own readings: between which of them it belongs."""

    fact: Anomaly
    place_ms: int


Ledger = dict[AnomalyId, Told]
"""What was told of one device."""


class Anomalies:
    """The open anomalies by device slot, and the ledgers of devices with a past. None opens within a maintenance window."""

    def __init__(self, maintenance: Maintenance) -> None:
        self.maintenance = maintenance
        self.open: dict[int, Anomaly] = {}
        self.ledgers: dict[int, Ledger] = {}

    def alarm(self, subject: Subject, named: Named, at_ms: int, rank: int, said: list[Reason]) -> Anomaly | None:
        """The fact that `subject` alarms: a new anomaly, an update of the open one, or null when nothing material changed, or
        nothing may open now."""
        before = self.open.get(subject.slot)
        if before is None and self.maintenance.covering(named, at_ms) is not None:
            return None
        if before is None:
            fact = self._first(subject, named, at_ms, rank, said)
            _begin(subject)
            course.begin(subject, fact.metrics if fact.fault_kind not in UNHEARD else [])
        else:
            worse, kind = rank > SEVERITIES.index(before.severity), _kind(before, subject, said)
            outlived = bool(subject.devices.outlived[subject.slot])
            if not worse and kind is before.fault_kind and not _says_more(before, said, kind, outlived=outlived):
                return None
            fact = _next(before, subject, at_ms, max(rank, SEVERITIES.index(before.severity)), said, kind)
        self.open[subject.slot] = fact
        subject.devices.severity[subject.slot] = SEVERITIES.index(fact.severity)
        self._note(subject, fact, said)
        return fact

    def look_again(self, subject: Subject, at_ms: int) -> Anomaly | None:
        """The fact that the open anomaly of `subject` has shown another kind since; null when it has not."""
        before = self.open[subject.slot]
        kind = _kind(before, subject, [])
        if kind is before.fault_kind:
            return None
        fact = replace(before, version=before.version + 1, status=AnomalyStatus.UPDATED, event_time_ms=at_ms, fault_kind=kind)
        self.open[subject.slot] = fact
        self._note(subject, fact, [])
        return fact

    def close(self, subject: Subject, at_ms: int, why: Reason | None = None) -> Anomaly:
        """The fact that the open anomaly of `subject` is over, or was accepted because of `why`."""
        before = self.open.pop(subject.slot)
        kind = _kind(before, subject, [])
        subject.devices.severity[subject.slot] = NO_ANOMALY
        fact = replace(
            before,
            version=before.version + 1,
            status=AnomalyStatus.CLOSED,
            event_time_ms=at_ms,
            closed_at_ms=at_ms,
            fault_kind=kind,
            device_state=STATE_CODES[subject.devices.code[subject.slot]],
            reasons=before.reasons if why is None else [why, *before.reasons][:MOST_REASONS],
        )
        self._note(subject, fact, [])
        return fact

    def retract(self, slot: int, why: Reason, at_ms: int) -> Anomaly:
        """The fact that the open anomaly of `slot` counts for nothing, because of `why`."""
        before = self.open.pop(slot)
        said = [why, *before.reasons][:MOST_REASONS]
        fact = replace(before, version=before.version + 1, status=AnomalyStatus.RETRACTED, event_time_ms=at_ms, reasons=said)
        ledger = self.ledgers.get(slot, {})
        if fact.id in ledger:
            ledger[fact.id] = replace(ledger[fact.id], fact=fact)
        return fact

    def attach(self, slot: int, incident: IncidentId, at_ms: int) -> Anomaly:
        """The fact that the open anomaly of `slot` is explained by `incident`."""
        before = self.open[slot]
        fact = replace(
            before,
            version=before.version + 1,
            status=AnomalyStatus.UPDATED,
            event_time_ms=at_ms,
            fault_kind=FaultKind.LINK,
            incident=incident,
        )
        self.open[slot] = fact
        ledger = self.ledgers.get(slot, {})
        if fact.id in ledger:
            ledger[fact.id] = replace(ledger[fact.id], fact=fact)
        return fact

    def _note(self, subject: Subject, fact: Anomaly, said: list[Reason]) -> None:
        """Keep `fact` in its device's ledger, if that has a past. Silence has its place just after the last reading."""
        if subject.devices.past[subject.slot] == NO_PAST:
            return
        ledger = self.ledgers.setdefault(subject.slot, {})
        before = ledger.get(fact.id)
        last_ms = int(subject.devices.last_time_ms[subject.slot])
        ledger[fact.id] = Told(fact, last_ms + (_opened_by(said) == SILENCE) if before is None else before.place_ms)

    def _first(self, subject: Subject, named: Named, at_ms: int, rank: int, said: list[Reason]) -> Anomaly:
        devices, slot = subject.devices, subject.slot
        site, device, gateway = named
        rarity = _rarity(subject)
        return Anomaly(
            id=anomaly_id(site, device, _opened_by(said), at_ms),
            version=1,
            status=AnomalyStatus.OPENED,
            site=site,
            device=device,
            profile=subject.profiles.names[subject.profile],
            gateway=gateway,
            opened_at_ms=at_ms,
            event_time_ms=at_ms,
            closed_at_ms=None,
            score=score_of(rarity),
            neg_log10_p=rarity,
            severity=SEVERITIES[rank],
            confidence=_confidence(subject, said),
            device_state=STATE_CODES[devices.code[slot]],
            fault_kind=fault_kind(said),
            metrics=_metrics(said),
            reasons=said[:MOST_REASONS],
            bundle=subject.profiles.bundles[subject.profile],
            policy=subject.profiles.policies[subject.profile],
            how_often=_how_often(subject),
            class_name=class_name(said),
        )


def _begin(subject: Subject) -> None:
    """An anomaly opens: it has not stood yet, nobody has spoken of it, and what is usual now is what it is held against."""
    for name in ("over", "stood", "outlived", "word"):
        subject.devices.arrays[name][subject.slot] = 0
    lane, first = subject.lane, int(subject.devices.first_row[subject.slot])
    if not isinstance(lane, RecordLane):
        level.remember(lane.rows, slice(first, first + len(subject.profiles.metrics[subject.profile])))


def _says_more(before: Anomaly, said: list[Reason], kind: FaultKind, *, outlived: bool) -> bool:
    """Whether an alarm no worse than what was told, of the same `kind`, says something else all the same: another class of
    records, or another metric in another episode."""
    elsewhere = outlived and not set(_metrics(said)) <= set(before.metrics)
    return elsewhere or (kind in RULES and class_name(said) != before.class_name)


def _kind(before: Anomaly, subject: Subject, said: list[Reason]) -> FaultKind:
    """The kind of an open anomaly after a reading that said `said`: a rule's at once, else what its course tells by now."""
    now = fault_kind(said) if said else before.fault_kind
    if now in RULES or before.fault_kind in RULES:
        return now if now in RULES else before.fault_kind
    return course.told_by(subject) or before.fault_kind


def _next(before: Anomaly, subject: Subject, at_ms: int, rank: int, said: list[Reason], kind: FaultKind) -> Anomaly:
    rarity = max(before.neg_log10_p, _rarity(subject))
    return replace(
        before,
        version=before.version + 1,
        status=AnomalyStatus.UPDATED,
        event_time_ms=at_ms,
        score=score_of(rarity),
        neg_log10_p=rarity,
        severity=SEVERITIES[rank],
        confidence=max(before.confidence, _confidence(subject, said)),
        device_state=STATE_CODES[subject.devices.code[subject.slot]],
        fault_kind=kind,
        metrics=_metrics(said),
        reasons=said[:MOST_REASONS],
        how_often=_how_often(subject) if rarity > before.neg_log10_p else before.how_often,
        class_name=class_name(said),
    )


def score_of(neg_log10_p: float) -> float:
    """The score from 0 to 1 of a rarity: the share of readings that are more ordinary."""
    return -math.expm1(-neg_log10_p * math.log(10.0))


def _rarity(subject: Subject) -> float:
    """The device's rarity, at least the threshold where a rule and not the tail raised the alarm."""
    rarity = float(subject.devices.alarm_rarity[subject.slot])
    threshold = min(float(subject.profiles.threshold[subject.profile]), RARITY_CAP)
    return max(rarity, threshold)


def _how_often(subject: Subject) -> str:
    """How often the device comes to the score of its last reading, in words; empty where that alone raised no alarm."""
    devices, slot = subject.devices, subject.slot
    rarity, threshold = float(devices.alarm_rarity[slot]), float(subject.profiles.threshold[subject.profile])
    if not rarity >= threshold or devices.silent[slot]:
        return ""
    return how_often_known(rarity, subject.interval_ms, float(devices.settled[slot]))


def _confidence(subject: Subject, said: list[Reason]) -> float:
    if any(reason.neg_log10_p >= RARITY_CAP and reason.stream in ("range", SILENCE, CLOCK) for reason in said):
        return RULE_CONFIDENCE
    seen = float(subject.devices.device_readings[subject.slot])
    return seen / (seen + HALF_CONFIDENCE) * subject.present


def _opened_by(said: list[Reason]) -> str:
    return SILENCE if any(reason.stream in (SILENCE, CLOCK) for reason in said) else READING


def _metrics(said: list[Reason]) -> list[MetricName]:
    """Metrics of the reasons, the largest share first."""
    share: dict[MetricName, float] = {}
    for reason in said[:MOST_REASONS]:
        if reason.metric is not None:
            share[reason.metric] = share.get(reason.metric, 0.0) + (reason.share or 0.0)
    return sorted(share, key=lambda metric: -share[metric])
