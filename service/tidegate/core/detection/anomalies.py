"""Anomalies' life: opened once, updated when it matters, closed when the episode is over. One open anomaly per device.

Facts are made here and kept while open; what is alarming was decided in `judgement`, who is silent in `silence`. Of devices
that take late readings, what was told since their older checkpoint is kept too, for `amendment` to compare.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind, Reason
from tidegate.contracts.ids import AnomalyId, IncidentId, MetricName
from tidegate.core.detection.explanation import MOST_REASONS, fault_kind
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.look import Subject
from tidegate.core.detection.maintenance import Maintenance, Named
from tidegate.core.detection.profiles import SEVERITIES
from tidegate.core.detection.row_scores import RARITY_CAP
from tidegate.core.detection.state import NO_ANOMALY, NO_PAST
from tidegate.core.detection.streams import level
from tidegate.core.identity import anomaly_id

HALF_CONFIDENCE: Final = 256.0
"""Readings in a device's tail at which we are half sure: then an alert budget of one in 5,000 is a 20-fold extrapolation."""

RULE_CONFIDENCE: Final = 0.9
"""Of an alarm that rests on a rule (impossible value, silence) and not on what was learned."""

READING: Final = "reading"
SILENCE: Final = "silence"
"""What opens an anomaly: a reading, or that there is none (also the stream of the reason that says so)."""

RULES: Final = frozenset({FaultKind.SILENCE, FaultKind.STUCK, FaultKind.DROPOUT})
"""Kinds whose appearance changes what an operator does, so that an open anomaly is updated."""


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
        else:
            worse = rank > SEVERITIES.index(before.severity)
            if not worse and not _differs(before, said, outlived=bool(subject.devices.outlived[subject.slot])):
                return None
            fact = _next(before, subject, at_ms, max(rank, SEVERITIES.index(before.severity)), said)
        self.open[subject.slot] = fact
        subject.devices.severity[subject.slot] = SEVERITIES.index(fact.severity)
        self._note(subject, fact, said)
        return fact

    def close(self, subject: Subject, at_ms: int, why: Reason | None = None) -> Anomaly:
        """The fact that the open anomaly of `subject` is over, or was accepted because of `why`."""
        before = self.open.pop(subject.slot)
        subject.devices.severity[subject.slot] = NO_ANOMALY
        fact = replace(
            before,
            version=before.version + 1,
            status=AnomalyStatus.CLOSED,
            event_time_ms=at_ms,
            closed_at_ms=at_ms,
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
        fact = replace(before, version=before.version + 1, status=AnomalyStatus.UPDATED, event_time_ms=at_ms, incident=incident)
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
        )


def _begin(subject: Subject) -> None:
    """An anomaly opens: it has not stood yet, nobody has spoken of it, and what is usual now is what it is held against."""
    for name in ("over", "stood", "outlived", "word"):
        subject.devices.arrays[name][subject.slot] = 0
    first = int(subject.devices.first_row[subject.slot])
    level.remember(subject.lane.rows, slice(first, first + len(subject.profiles.metrics[subject.profile])))


def _differs(before: Anomaly, said: list[Reason], *, outlived: bool) -> bool:
    """Whether an alarm no worse than what was told says something else: a rule, or another metric in another episode."""
    kind = fault_kind(said)
    elsewhere = outlived and not set(_metrics(said)) <= set(before.metrics)
    return elsewhere or (kind is not before.fault_kind and kind in RULES)


def _next(before: Anomaly, subject: Subject, at_ms: int, rank: int, said: list[Reason]) -> Anomaly:
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
        fault_kind=fault_kind(said),
        metrics=_metrics(said),
        reasons=said[:MOST_REASONS],
    )


def score_of(neg_log10_p: float) -> float:
    """The score from 0 to 1 of a rarity: the share of readings that are more ordinary."""
    return -math.expm1(-neg_log10_p * math.log(10.0))


def _rarity(subject: Subject) -> float:
    """The device's rarity, at least the threshold where a rule and not the tail raised the alarm."""
    rarity = float(subject.devices.alarm_rarity[subject.slot])
    threshold = min(float(subject.profiles.threshold[subject.profile]), RARITY_CAP)
    return max(rarity, threshold)


def _confidence(subject: Subject, said: list[Reason]) -> float:
    if any(reason.neg_log10_p >= RARITY_CAP and reason.stream in ("range", "silence") for reason in said):
        return RULE_CONFIDENCE
    seen = float(subject.devices.device_readings[subject.slot])
    rows = [row for row, _, _ in subject.rows()]
    present = 1.0 - float(subject.lane.rows.missing[rows].mean()) if rows else 0.0
    return seen / (seen + HALF_CONFIDENCE) * present


def _opened_by(said: list[Reason]) -> str:
    return SILENCE if any(reason.stream == SILENCE for reason in said) else READING


def _metrics(said: list[Reason]) -> list[MetricName]:
    return list(dict.fromkeys(reason.metric for reason in said[:MOST_REASONS] if reason.metric is not None))
