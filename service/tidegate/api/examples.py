"""One small story, as values, for every body and answer in the documentation: a pump overheats, a gateway dies, devices move.

They are real values of the contracts, so that they cannot drift from them; a test holds them against the schemas.
"""

from typing import Any, Final, TypeVar

from tidegate.api.examples_configuration import PUMP_PROFILE
from tidegate.api.stream_position import Position
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.anomaly import (
    Anomaly,
    AnomalyStatus,
    DeviceState,
    FaultKind,
    Incident,
    IncidentCause,
    IncidentStatus,
    Reason,
    Severity,
)
from tidegate.contracts.codec import encode, to_builtins
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS, Forecast, ResourceForecast
from tidegate.contracts.ids import AnomalyId, CommandId, DeviceId, GatewayId, IncidentId, MetricName, PlanId, ProfileName, SiteId
from tidegate.contracts.letters import LetterReplayed, ReplayRefusal, kept
from tidegate.contracts.maintenance import MaintenanceWindow, WindowId
from tidegate.contracts.paging import AsOf, Page
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus, Move, Phase, Plan, PlanScore, Trigger
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.resources import CPU_MILLICORES, DEVICES
from tidegate.contracts.rest import AcksReceipt, Approval, CommandReceipt, ReadingsReceipt, ReplayRequest, ReplayVerdict, Summary
from tidegate.contracts.stream import STREAMED
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.contracts.views import (
    Balance,
    CommandStatus,
    CommandView,
    DecisionHistory,
    DecisionView,
    DeviceView,
    Explanation,
    GatewayView,
    Health,
    MetricPart,
    PartitionView,
    SiteView,
)

T = TypeVar("T")

_SITE: Final = SiteId("plant-7")
_PUMP: Final = DeviceId("pump-1")
_PROFILE: Final = ProfileName("pump")
_GATEWAY: Final = GatewayId("gw-a")
_SPARE: Final = GatewayId("gw-b")
_MOTOR: Final = MetricName("motor_celsius")
_NOW_MS: Final = 1_795_000_000_000
_DIGEST: Final = "9f2c61d0a4b7e8135c6f7a90b1d2e3f4"
_PLAN: Final = PlanId("plan-4f1d2c")
_ANOMALY_ID: Final = AnomalyId("anomaly-7be0a1")
_BUNDLE: Final = "universal/1.0.0@3f9ab2"
_AS_OF: Final = AsOf(_NOW_MS, {"tidegate.anomalies.v1": [42]})

_POSITION: Final = Position({topic: [42, 7, 0] for topic in STREAMED})


def _page(item: T) -> Page[T]:
    return Page([item], None, _AS_OF)


def without_nulls(value: object) -> Any:
    """What a person would send: fields left at null are left out."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def _command(kind: CommandKind, **fields: Any) -> Any:
    command = Command(CommandId(f"shift-2-{kind}"), _SITE, kind, "anna", **fields)
    return without_nulls(to_builtins(command))


READING: Final = Reading(
    _SITE, _PUMP, _PROFILE, _NOW_MS, {_MOTOR: 61.4, MetricName("flow_litres_per_minute"): 12.9}, sequence=1041
)
READING_BODIES: Final = {
    "batch": without_nulls(to_builtins(ReadingBatch(_SITE, [READING]))),
    "list": [without_nulls(to_builtins(READING))],
    "single": without_nulls(to_builtins(READING)),
}
READINGS_RECEIPT: Final = ReadingsReceipt(accepted=1, site=_SITE, partition=0, offset=1207)

TOPOLOGY: Final = Topology(
    site=_SITE,
    revision=3,
    gateways=[
        Gateway(_GATEWAY, {CPU_MILLICORES: 4000.0, DEVICES: 200.0}, "hall-1"),
        Gateway(_SPARE, {CPU_MILLICORES: 2000.0, DEVICES: 100.0}, "hall-2"),
    ],
    devices=[DevicePlacement(_PUMP, _PROFILE, [Link(_GATEWAY, 2.0, 0.01), Link(_SPARE, 6.0, 0.02)], _GATEWAY, priority=2.0)],
)

COMMAND_BODIES: Final = {
    "set-topology": _command(CommandKind.SET_TOPOLOGY, topology=TOPOLOGY),
    "request-plan": _command(CommandKind.REQUEST_PLAN, reason="before the night shift"),
    "approve-plan": _command(CommandKind.APPROVE_PLAN, plan_id=_PLAN, digest=_DIGEST),
    "refuse-plan": _command(CommandKind.REFUSE_PLAN, plan_id=_PLAN, reason="pump-1 stays"),
    "undo-plan": _command(CommandKind.UNDO_PLAN, plan_id=_PLAN, reason="gw-a is mended"),
    "drain": _command(CommandKind.DRAIN, gateway=_GATEWAY, reason="firmware"),
    "replace": _command(CommandKind.REPLACE, gateway=_GATEWAY, successor=_SPARE, reason="new hardware"),
    "decommission": _command(CommandKind.DECOMMISSION, gateway=_GATEWAY, reason="end of life"),
    "recommission": _command(CommandKind.RECOMMISSION, gateway=_GATEWAY),
    "cordon": _command(CommandKind.CORDON, gateway=_GATEWAY),
    "uncordon": _command(CommandKind.UNCORDON, gateway=_GATEWAY),
    "freeze": _command(CommandKind.FREEZE, reason="stock taking"),
    "thaw": _command(CommandKind.THAW),
    "stop-allocation": _command(CommandKind.STOP_ALLOCATION, reason="kill switch"),
    "resume-allocation": _command(CommandKind.RESUME_ALLOCATION),
    "acknowledge-anomaly": _command(CommandKind.ACKNOWLEDGE_ANOMALY, anomaly_id=_ANOMALY_ID, reason="on my way"),
    "acknowledge-incident": _command(CommandKind.ACKNOWLEDGE_INCIDENT, incident_id=IncidentId("incident-22c9")),
    "label-anomaly": _command(CommandKind.LABEL_ANOMALY, anomaly_id=_ANOMALY_ID, label=AnomalyLabel.TRUE_ALARM, reason="dry"),
    "declare-maintenance": _command(
        CommandKind.DECLARE_MAINTENANCE,
        window=MaintenanceWindow(WindowId("bearing-change"), _NOW_MS, _NOW_MS + 7_200_000, "new bearing", [_PUMP]),
    ),
    "cancel-maintenance": _command(CommandKind.CANCEL_MAINTENANCE, window_id=WindowId("bearing-change")),
    "configure-profiles": _command(CommandKind.CONFIGURE_PROFILES, profiles=[PUMP_PROFILE], reason="fewer alarms at night"),
    "activate-bundle": _command(CommandKind.ACTIVATE_BUNDLE, profile=PUMP_PROFILE.name, bundle="universal/1"),
}
COMMAND_RECEIPT: Final = CommandReceipt(CommandId("shift-2-drain"), _SITE, CommandKind.DRAIN, "/v1/commands/shift-2-drain")
COMMAND: Final = CommandView(
    CommandId("shift-2-drain"),
    _SITE,
    CommandKind.DRAIN,
    "anna",
    CommandStatus.REFUSED,
    "gateway 'gw-a' is not in the topology (revision 3)",
    _NOW_MS,
)

ACK: Final = Ack(_SITE, _SPARE, AckKind.ACTIVE, _NOW_MS, _PUMP, 5)
ACK_BODIES: Final = {
    "active": without_nulls(to_builtins(ACK)),
    "heartbeat": without_nulls(to_builtins(Ack(_SITE, _SPARE, AckKind.HEARTBEAT, _NOW_MS))),
    "list": [
        without_nulls(to_builtins(Ack(_SITE, _GATEWAY, AckKind.RELEASED, _NOW_MS, _PUMP, 4))),
        without_nulls(to_builtins(Ack(_SITE, _SPARE, AckKind.REFUSED, _NOW_MS, _PUMP, 5, "out of memory"))),
    ],
}
ACKS_RECEIPT: Final = AcksReceipt(accepted=1, site=_SITE, partition=0, offset=311)
ACKS: Final = _page(ACK)
GATEWAY: Final = GatewayView(
    _SITE, _SPARE, 118, False, False, True, _NOW_MS, _NOW_MS + 40, granted={CPU_MILLICORES: 1460.0, DEVICES: 118.0}
)

SITE: Final = SiteView(_SITE, 3, 2, {DeviceState.OK: 118, DeviceState.WARMING: 2})
ASSIGNMENT: Final = Assignment(
    _SITE, _PUMP, _SPARE, 5, {CPU_MILLICORES: 120.0, DEVICES: 1.0}, Phase.ACTIVE, _PLAN, _NOW_MS, "gw-a is silent"
)
ASSIGNMENTS: Final = _page(ASSIGNMENT)

REASON: Final = Reason("residual", _MOTOR, 93.2, 71.0, 68.8, 73.1, 5.4, "motor_celsius 93.2, expected 71 (68.8 to 73.1)", 1.0)
ANOMALY: Final = Anomaly(
    id=_ANOMALY_ID,
    version=2,
    status=AnomalyStatus.UPDATED,
    site=_SITE,
    device=_PUMP,
    profile=_PROFILE,
    gateway=_GATEWAY,
    opened_at_ms=_NOW_MS - 60_000,
    event_time_ms=_NOW_MS,
    closed_at_ms=None,
    score=0.999996,
    neg_log10_p=5.4,
    severity=Severity.HIGH,
    confidence=0.9,
    device_state=DeviceState.OK,
    fault_kind=FaultKind.OUT_OF_PATTERN,
    metrics=[_MOTOR],
    reasons=[REASON],
    bundle=_BUNDLE,
    policy="a1b2c3",
    how_often="about once in 29 days",
)
ANOMALIES: Final = _page(ANOMALY)
INCIDENT: Final = Incident(
    id=IncidentId("incident-22c9"),
    version=1,
    status=IncidentStatus.OPENED,
    site=_SITE,
    cause=IncidentCause.GATEWAY_SILENT,
    gateway=_GATEWAY,
    opened_at_ms=_NOW_MS,
    event_time_ms=_NOW_MS,
    closed_at_ms=None,
    severity=Severity.CRITICAL,
    device_count=1,
    devices=[_PUMP],
    anomalies=[_ANOMALY_ID],
    text="gw-a is silent: 1 of its 1 devices sends nothing",
)
INCIDENTS: Final = _page(INCIDENT)

DEVICE: Final = DeviceView(
    _SITE, _PUMP, _PROFILE, _GATEWAY, DeviceState.OK, 1041, _NOW_MS, 0.999996, 5.4, _ANOMALY_ID, {_MOTOR: 93.2}, 3.1
)
DEVICE_PAGE: Final = _page(DEVICE)
EXPLANATION: Final = Explanation(
    DEVICE,
    4.2,
    True,
    [REASON],
    [],
    "fires above 4.2",
    _BUNDLE,
    "a1b2c3",
    how_often="about once in 29 days",
    parts=[MetricPart(_MOTOR, 1.0, 0.4, 58.3, 83.7)],
)
FORECAST: Final = Forecast(
    _SITE,
    _PUMP,
    _PROFILE,
    _NOW_MS,
    list(HORIZONS),
    list(QUANTILE_LEVELS),
    [ResourceForecast(CPU_MILLICORES, 96.0, [[80.0, 84.0, 92.0, 96.0, 101.0, 110.0, 118.0] for _ in HORIZONS])],
    {CPU_MILLICORES: 110.0, DEVICES: 1.0},
)

_BEFORE: Final = PlanScore(2.0, 0.0, 0.0, 0.4, 1, 0.5, {"gw-b": {CPU_MILLICORES: 0.31}})
_AFTER: Final = PlanScore(0.0, 0.0, 0.0, 0.6, 0, 0.5, {"gw-b": {CPU_MILLICORES: 0.37}})
_MOVE: Final = Move(_PUMP, _GATEWAY, _SPARE, 4, {CPU_MILLICORES: 120.0, DEVICES: 1.0}, "gw-a is silent; gw-b has room")
PLAN: Final = Plan(
    id=_PLAN,
    site=_SITE,
    trigger=Trigger.GATEWAY_DOWN,
    requested_at_ms=_NOW_MS,
    expires_at_ms=_NOW_MS + 300_000,
    topology_revision=3,
    settings_digest="77aa",
    solver="repair-improve",
    steps=220,
    random_state=0,
    moves=[_MOVE],
    unserved=[],
    before=_BEFORE,
    after=_AFTER,
    digest=_DIGEST,
)
FACT: Final = Decision(
    plan_id=_PLAN,
    site=_SITE,
    version=1,
    status=DecisionStatus.PROPOSED,
    decided_at_ms=_NOW_MS,
    decided_by="planner",
    reason="1 device is unserved and 1 gateway has room",
    digest=_DIGEST,
    trigger=Trigger.GATEWAY_DOWN,
    move_count=1,
    unserved_count=0,
    plan=PLAN,
)
DECISION: Final = DecisionView(
    plan_id=_PLAN,
    site=_SITE,
    trigger=Trigger.GATEWAY_DOWN,
    status=DecisionStatus.PROPOSED,
    proposed_at_ms=_NOW_MS,
    decided_at_ms=_NOW_MS,
    decided_by="planner",
    reason=FACT.reason,
    digest=_DIGEST,
    move_count=1,
    unserved_count=0,
    before=_BEFORE,
    after=_AFTER,
)
DECISIONS: Final = _page(DECISION)
DECISION_HISTORY: Final = DecisionHistory(DECISION, PLAN, [FACT])
APPROVAL: Final = Approval(_DIGEST, "anna", "looked at it")

DEAD_LETTER: Final = DeadLetter(
    reason=DeadLetterReason.UNKNOWN_PROFILE,
    message="profile 'pmup' is not known, expected one of: pump",
    topic="tidegate.telemetry.v1",
    partition=0,
    offset=1208,
    index=3,
    readings=1,
    site=_SITE,
    device="pump-9",
    received_at_ms=_NOW_MS,
    original=b'{"site":"plant-7"}',
    original_size=18,
    original_sha256="e7f1",
)
DEAD_LETTERS: Final = _page(kept(DEAD_LETTER, "0-17"))
REPLAY_REQUEST: Final = ReplayRequest(dry_run=True)
REPLAY_NOTE: Final = LetterReplayed("0-17", "tidegate.telemetry.v1", 0, 1300, replays=1, replayed_at_ms=_NOW_MS)
REPLAY_SENT: Final = ReplayVerdict("0-17", None, "sent", "tidegate.telemetry.v1", 0, offset=1300)
REPLAY_REFUSED: Final = ReplayVerdict(
    "0-17", ReplayRefusal.ALREADY_REPLAYED, "the letter is not sent again: it was replayed 1 times", "tidegate.telemetry.v1", 0
)

HEALTHY: Final = Health(alive=True, ready=True)
NOT_READY: Final = Health(alive=True, ready=False, reasons=["partition 0: restoring: 120 batches replayed"])
PARTITIONS: Final = [
    PartitionView(0, sequence=5_210, digest="9b1f0c"),
    PartitionView(2, reasons=["restoring: 120 batches replayed"]),
]
SUMMARY: Final = Summary(
    version="0.1.0",
    uptime_seconds=3600.0,
    bundles={"universal/1.0.0": "3f9ab2"},
    readings_per_second=412.5,
    balance=Balance(received=1_485_000, scored=1_484_990, duplicate=4, quarantined=1, dead_lettered=5),
    pending=0,
    lag={"tidegate.telemetry.v1": 0},
    sites=1,
    devices={DeviceState.OK: 118, DeviceState.WARMING: 2},
    anomalies=[ANOMALY],
    incidents=[INCIDENT],
    decisions=[DECISION],
    as_of=_AS_OF,
)
STREAM: Final = f"event: anomaly\ndata: {encode(ANOMALY).decode()}\nid: {_POSITION.token()}\n\n"
