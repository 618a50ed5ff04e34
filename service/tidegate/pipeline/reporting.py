"""What a batch did and how a partition stands, in the words of the metrics port."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tidegate.contracts import topics
from tidegate.contracts.anomaly import REVISIONS, AnomalyStatus
from tidegate.contracts.deadletter import DeadLetter
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
        anomalies_opened=Counter(each.severity for each in facts.anomalies if each.status is AnomalyStatus.OPENED),
        anomalies_revised=Counter(each.status for each in facts.anomalies if each.status in REVISIONS),
        late=result.late,
        rerun=result.rerun,
        decisions=Counter((each.status, each.trigger) for each in facts.decisions),
        seconds=seconds,
    )


def levels(partition: Partition, lag: Mapping[str, int], drain_seconds: Mapping[str, float], tick_ms: int) -> Levels:
    """How `partition` stands at `tick_ms`."""
    detection, allocator = partition.detection, partition.allocator
    newest_ms = detection.newest_event_time_ms()
    scores = [score for site in allocator.sites() if (score := allocator.standing_score(site, tick_ms))]
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
        utilisation_max_ratio=max(
            (share for score in scores for used in score.utilisation.values() for share in used.values()), default=0.0
        ),
    )
