"""Amendment: what has to be said after a stretch of a device's readings was stepped again with late ones among them.

Compares what was told with what is found now, anomaly by anomaly; an anomaly is named by its opening. A fact that is out
stays as it is: what differs is said in a later version. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tidegate.contracts.anomaly import UNHEARD, Anomaly, AnomalyStatus
from tidegate.contracts.ids import AnomalyId
from tidegate.core.detection.acceptance import ACCEPTANCE
from tidegate.core.detection.anomalies import Ledger, Told

AMEND_DECADES: Final = 0.5
"""Difference in rarity (−log10 p) that is worth a fact of its own: a factor of three. Any late reading moves the last digits."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """`facts` to publish, the `ledger` that holds now, and what took the place of each retracted anomaly (null: nothing)."""

    facts: list[Anomaly]
    ledger: Ledger
    replaced: Mapping[AnomalyId, AnomalyId | None]


def amend(told: Ledger, found: Ledger, at_ms: int, *, keep_gateway: bool) -> Amendment:
    """Facts that lead from `told` to `found`; `at_ms` is the device's newest event time.

    Versions in `found` do not count, they go on from what was told. With `keep_gateway` an anomaly keeps the gateway it was
    told with: allocation decides it then, and no reading.
    """
    gone = [each for name, each in told.items() if name not in found and each.fact.status is not AnomalyStatus.RETRACTED]
    retracted = {each.fact.id: Told(_retraction(each.fact, at_ms), each.place_ms) for each in gone}
    facts = [each.fact for each in retracted.values()]
    replaced: dict[AnomalyId, AnomalyId | None] = dict.fromkeys(retracted)
    ledger = {**told, **retracted}
    for name, new in found.items():
        before = told.get(name)
        if before is None or before.fact.status is AnomalyStatus.RETRACTED:
            said = _opening(new.fact, before.fact.version if before else 0, [each.fact for each in gone])
            if said[0].supersedes is not None:
                replaced[said[0].supersedes] = name
        else:
            said = _revision(before.fact, new.fact, keep_gateway=keep_gateway) or [before.fact]
        facts += [fact for fact in said if before is None or fact is not before.fact]
        ledger[name] = Told(said[-1], new.place_ms)
    return Amendment(facts, ledger, replaced)


def go_on(found: Anomaly, told: Anomaly) -> Anomaly:
    """`found` as the open anomaly that later facts go on from: what is known now, numbered and linked as it was told."""
    return replace(
        found, version=told.version, status=told.status, gateway=told.gateway, incident=told.incident, supersedes=told.supersedes
    )


def _retraction(fact: Anomaly, at_ms: int) -> Anomaly:
    return replace(fact, version=fact.version + 1, status=AnomalyStatus.RETRACTED, event_time_ms=at_ms)


def _opening(new: Anomaly, version: int, gone: list[Anomaly]) -> list[Anomaly]:
    """An anomaly nobody has heard of (or that was retracted, then versions go on): opened, and closed if it is over."""
    before = next((each for each in gone if _overlap(each, new)), None)
    incident = before.incident if before and new.fault_kind in UNHEARD else None
    supersedes = before.id if before else None
    opened = replace(new, version=version + 1, status=AnomalyStatus.OPENED, closed_at_ms=None)
    reasons = [each for each in new.reasons if each.stream != ACCEPTANCE]
    opened = replace(opened, incident=incident, supersedes=supersedes, reasons=reasons)
    if new.closed_at_ms is None:
        return [opened]
    closed = replace(opened, version=version + 2, status=AnomalyStatus.CLOSED, closed_at_ms=new.closed_at_ms)
    return [opened, replace(closed, reasons=new.reasons)]


def _revision(before: Anomaly, new: Anomaly, *, keep_gateway: bool) -> list[Anomaly]:
    """A fact if anything that matters differs from what was told; the end of an anomaly is told as such."""
    gateway = before.gateway if keep_gateway else new.gateway
    kind = before.fault_kind if {before.fault_kind, new.fault_kind} <= UNHEARD else new.fault_kind
    new = replace(new, gateway=gateway, incident=before.incident, supersedes=before.supersedes, fault_kind=kind)
    if not _differs(before, new):
        return []
    ends = before.closed_at_ms is None and new.closed_at_ms is not None
    status = AnomalyStatus.CLOSED if ends else AnomalyStatus.AMENDED
    return [replace(new, version=before.version + 1, status=status)]


def _differs(before: Anomaly, new: Anomaly) -> bool:
    return _matter(before) != _matter(new) or abs(before.neg_log10_p - new.neg_log10_p) >= AMEND_DECADES


def _matter(fact: Anomaly) -> tuple[object, ...]:
    return fact.closed_at_ms, fact.severity, fact.fault_kind, fact.class_name, fact.gateway, sorted(fact.metrics)


def _overlap(one: Anomaly, other: Anomaly) -> bool:
    return _ends(one) >= other.opened_at_ms and _ends(other) >= one.opened_at_ms


def _ends(fact: Anomaly) -> float:
    return float("inf") if fact.closed_at_ms is None else fact.closed_at_ms
