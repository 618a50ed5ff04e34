"""What the pipeline needs of the outside, as small Protocols. Adapters implement them; `bootstrap` picks.

Promises over time are in each docstring: may it block, may it be called twice, what survives a crash.
"""

from tidegate.ports.access import AuditTrail, KeyStore, StoredKey, TokenVerifier
from tidegate.ports.adviser import Adviser
from tidegate.ports.alerts import Alert, AlertMetrics, AlertSink
from tidegate.ports.configuring import Configuring
from tidegate.ports.live import LiveState
from tidegate.ports.log import Commit, Log, Outgoing, Record
from tidegate.ports.membership import Membership, Share
from tidegate.ports.metrics import Ages, BatchReport, HistoryLag, LettersWaiting, Levels, Metrics
from tidegate.ports.notes import Notes
from tidegate.ports.outside import Clock, Planner
from tidegate.ports.scores import ScoreHistory
from tidegate.ports.scoring import SeriesScorer
from tidegate.ports.tracing import NO_TRACING, Span, Tracing
from tidegate.ports.views import Views

__all__ = [
    "NO_TRACING",
    "Adviser",
    "Ages",
    "Alert",
    "AlertMetrics",
    "AlertSink",
    "AuditTrail",
    "BatchReport",
    "Clock",
    "Commit",
    "Configuring",
    "HistoryLag",
    "KeyStore",
    "LettersWaiting",
    "Levels",
    "LiveState",
    "Log",
    "Membership",
    "Metrics",
    "Notes",
    "Outgoing",
    "Planner",
    "Record",
    "ScoreHistory",
    "SeriesScorer",
    "Share",
    "Span",
    "StoredKey",
    "TokenVerifier",
    "Tracing",
    "Views",
]
