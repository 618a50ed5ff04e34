"""The stream of facts: which there are, and what it says when it cannot keep its promise."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.contracts import topics


class FactKind(StrEnum):
    """What a streamed fact is about; the name of its event."""

    ANOMALY = "anomaly"
    INCIDENT = "incident"
    DECISION = "decision"
    ASSIGNMENT = "assignment"
    OUTCOME = "outcome"


STREAMED: Final = {
    topics.ANOMALIES: FactKind.ANOMALY,
    topics.INCIDENTS: FactKind.INCIDENT,
    topics.DECISIONS: FactKind.DECISION,
    topics.ASSIGNMENTS: FactKind.ASSIGNMENT,
    topics.OUTCOMES: FactKind.OUTCOME,
}
"""The topics whose facts are streamed."""

GAP_EVENT: Final = "gap"
"""Name of the event that says that facts are missing here."""


class GapReason(StrEnum):
    """Why facts are missing."""

    NO_LONGER_KEPT = "no-longer-kept"
    TOO_MANY = "too-many"
    POSITION_UNKNOWN = "position-unknown"


@dataclass(frozen=True, slots=True)
class StreamGap:
    """Facts after the position asked for are missing; the stream goes on behind them. REST has the latest of each.

    `missed` is how many places of the log were passed over, at most so many facts; null when it cannot be known.
    """

    reason: GapReason
    missed: int | None = None
