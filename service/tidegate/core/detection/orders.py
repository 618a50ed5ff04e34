"""Orders to detection: maintenance windows declared and cancelled, and annotations.

What people say of an anomaly is kept by who asks for it later (history); that it went through here gives it its place in the
order of everything. A label also decides whether an open anomaly may become the new normal (`acceptance`).
"""

from typing import Final

from tidegate.contracts.anomaly import UNHEARD, Anomaly, Reason
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import SiteId
from tidegate.contracts.maintenance import MaintenanceWindow
from tidegate.core.detection.acceptance import say
from tidegate.core.detection.anomalies import Anomalies
from tidegate.core.detection.incidents import Incidents
from tidegate.core.detection.lateness import Lateness
from tidegate.core.detection.results import DetectionResult
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.state import NO_ANOMALY

KINDS: Final = frozenset(
    {
        CommandKind.ACKNOWLEDGE_ANOMALY,
        CommandKind.ACKNOWLEDGE_INCIDENT,
        CommandKind.LABEL_ANOMALY,
        CommandKind.DECLARE_MAINTENANCE,
        CommandKind.CANCEL_MAINTENANCE,
    }
)
"""Commands that are detection's."""

MAINTENANCE: Final = "maintenance"
"""Stream of the reason that names a window."""


def obey(roster: Roster, anomalies: Anomalies, lateness: Lateness, incidents: Incidents, command: Command) -> DetectionResult:
    """Carry out a checked `command`, one of `KINDS`; returns what it leads to.

    Raises:
        CommandRefused: there are too many windows, or none of that id.
    """
    result = DetectionResult()
    if command.kind is CommandKind.DECLARE_MAINTENANCE and command.window is not None:
        anomalies.maintenance.declare(command.site, command.window)
        result.anomalies = _retract(roster, anomalies, lateness, command.site, command.window)
        result.incidents = incidents.replace_members({fact.id: None for fact in result.anomalies})
    elif command.kind is CommandKind.CANCEL_MAINTENANCE and command.window_id is not None:
        anomalies.maintenance.cancel(command.site, command.window_id)
    elif command.kind is CommandKind.LABEL_ANOMALY and command.label is not None:
        for slot in (slot for slot, fact in anomalies.open.items() if fact.id == command.anomaly_id):
            say(roster.devices, slot, command.label)
    return result


def _retract(roster: Roster, anomalies: Anomalies, lateness: Lateness, site: SiteId, window: MaintenanceWindow) -> list[Anomaly]:
    """Retract what is open and opened within `window`, as if that had been known then."""
    facts = []
    for slot, fact in sorted(anomalies.open.items()):
        if fact.site != site or not window.covers_time(fact.opened_at_ms):
            continue
        if anomalies.maintenance.covering((site, fact.device, fact.gateway), fact.opened_at_ms) is None:
            continue
        why = Reason(MAINTENANCE, None, None, None, None, None, 0.0, f"opened within {window.text}")
        facts.append(anomalies.retract(slot, why, int(roster.devices.last_time_ms[slot])))
        lateness.checkpoints.retract(slot, fact.id)
        roster.devices.severity[slot] = NO_ANOMALY
        if fact.fault_kind in UNHEARD:
            roster.devices.told[slot] = False  # one that outlasts the window is told after it
    return facts
