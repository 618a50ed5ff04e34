"""What a batch did and how a partition stands, in the words of the metrics port."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from tidegate.contracts import topics
from tidegate.contracts.anomaly import REVISIONS, AnomalyStatus
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.plan import Decision, PlanScore, Trigger
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import Balance
from tidegate.core.partition import Facts, Partition
from tidegate.ports import BatchReport, Levels


def batch_report(facts: Facts, letters: Sequence[DeadLetter], undecodable: int, seconds: Mapping[str, float]) -> BatchReport:
    """Count one committed batch."""
    result = facts.detection
    return BatchReport(
        readings=Balance(
            received=result.received + undecodable,
            scored=result.scored,
            duplicate=result.duplicate,
            quarantined=result.quarantined,
            dead_lettered=result.dead_lettered + undecodable,
        ),
        dead_letters=Counter(letter.reason for letter in letters),
        neg_log10_p=result.scores.neg_log10_p,
        anomalies_opened=Counter(
            (each.severity, each.profile) for each in facts.anomalies if each.status is AnomalyStatus.OPENED
        ),
        anomalies_revised=Counter(each.status for each in facts.anomalies if each.status in REVISIONS),
        late=result.late,
        rerun=result.rerun,
        decisions=Counter((each.status, each.trigger) for each in facts.decisions),
        moves=_moves(facts.decisions),
        assignments=Counter(each.phase for each in facts.assignments if not each.is_renewal),
        grants_renewed=sum(each.is_renewal for each in facts.assignments),
        seconds=seconds,
    )


def _moves(decisions: Sequence[Decision]) -> Counter[Trigger]:
    """Devices moved by the plans that were applied, or halted on the way, by what they were made for."""
    moves: Counter[Trigger] = Counter()
    for each in decisions:
        if each.moved:
            moves[each.trigger] += each.moved
    return moves


def levels(partition: Partition, lag: Mapping[str, int], drain_seconds: Mapping[str, float], tick_ms: int) -> Levels:
    """How `partition` stands at `tick_ms`."""
    detection, allocator = partition.detection, partition.allocator
    newest_ms = detection.newest_event_time_ms()
    standing = [(site, score) for site in allocator.sites() if (score := allocator.standing_score(site, tick_ms))]
    scores = [score for _, score in standing]
    return Levels(
        lag_records=lag,
        drain_seconds=drain_seconds,
        event_time_lag_seconds=0.0 if newest_ms is None else max(0.0, (tick_ms - newest_ms) / 1000),
        devices=detection.state_counts(),
        pending_messages=lag.get(topics.TELEMETRY, 0),
        tail_readings=detection.lateness.tail_readings,
        anomalies_open=len(detection.anomalies.open),
        incidents_open=len(detection.incidents.gateways) + len(detection.incidents.sites),
        unserved_devices=sum(score.unserved_devices for score in scores),
        suspect_gateways=allocator.suspect_gateways(),
        censored_devices=allocator.censored_devices(),
        short_devices=allocator.short_devices(),
        utilisation_max_ratio=max(
            (share for score in scores for used in score.utilisation.values() for share in used.values()), default=0.0
        ),
        headroom_ratio=min((headroom_without_one(allocator.topology(site), score) for site, score in standing), default=math.inf),
    )


def headroom_without_one(topology: Topology | None, score: PlanScore) -> float:
    """Share of the others' capacity left free if one gateway failed and they carried all of the load: the worst case.

    Of each resource by itself, whoever may reach whom: above 0 is no promise, below 0 something would be unserved. -1 where
    nothing else has capacity; infinite without gateways.
    """
    gateways = [] if topology is None else topology.gateways
    cases = [
        _headroom(
            sum(score.utilisation.get(each.id, {}).get(resource, 0.0) * each.capacity.get(resource, 0.0) for each in gateways),
            sum(each.capacity.get(resource, 0.0) for each in gateways if each is not failed),
        )
        for failed in gateways
        for resource in failed.capacity
    ]
    return min(cases, default=math.inf)


def _headroom(load: float, capacity: float) -> float:
    return max(-1.0, 1 - load / capacity) if capacity > 0 else -1.0
