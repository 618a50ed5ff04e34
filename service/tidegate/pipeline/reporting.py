"""What a batch did and how a partition stands, in the words of the metrics port."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.views import Balance
from tidegate.core.partition import Facts
from tidegate.ports import BatchReport


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
        decisions=Counter((each.status, each.trigger) for each in facts.decisions),
        seconds=seconds,
    )
