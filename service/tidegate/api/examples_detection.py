"""Real values for the documentation of what detection says beyond its facts: scores, annotations, maintenance windows."""

from typing import Final

from tidegate.api import examples
from tidegate.contracts.annotation import Acknowledgement, Annotations, AnomalyLabel, LabelGiven, anomaly_view, incident_view
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import CommandId, ProfileName
from tidegate.contracts.maintenance import MaintenanceView, MaintenanceWindow, WindowId
from tidegate.contracts.paging import AsOf, Page
from tidegate.contracts.rest import CommandReceipt, LabelRequest, MaintenanceRequest, Order
from tidegate.contracts.scores import (
    DeviceColumns,
    MetricColumns,
    MetricPoint,
    ScoreBatch,
    ScoredMetric,
    ScoreGroup,
    ScorePoint,
)
from tidegate.contracts.series import ScoredReading, ScoredSeries

_ANOMALY: Final = examples.ANOMALY
_NOW_MS: Final = _ANOMALY.event_time_ms
_MOTOR: Final = _ANOMALY.metrics[0]

SCORES: Final = ScoreBatch(
    _ANOMALY.site,
    _NOW_MS + 120,
    [
        ScoreGroup(
            profile=_ANOMALY.profile,
            bundle=_ANOMALY.bundle,
            policy=_ANOMALY.policy,
            threshold=4.2,
            interval_ms=60_000.0,
            warmup=64,
            metrics=[ScoredMetric(_MOTOR, "°C", -40.0, 150.0)],
            devices=DeviceColumns(
                device=[_ANOMALY.device],
                gateway=[_ANOMALY.gateway],
                event_time_ms=[_NOW_MS],
                state=[DeviceState.OK],
                readings=[1041],
                settled=[1041],
                neg_log10_p=[5.4],
                heard=[5.4],
                surprise=[3.1],
                missed=[0.0],
                dropout=[0.0],
                anomaly=[_ANOMALY.id],
                held=[None],
            ),
            values=MetricColumns(
                observed=[93.2],
                missing=[False],
                expected_low=[68.8],
                expected=[71.0],
                expected_high=[73.1],
                run=[1],
                residual=[5.4],
                range=[2.0],
                stuck=[0.0],
            ),
        )
    ],
)
POINT: Final = ScorePoint(
    _NOW_MS,
    _NOW_MS + 120,
    DeviceState.OK,
    0.999996,
    5.4,
    4.2,
    _ANOMALY.id,
    {_MOTOR: MetricPoint(93.2, 71.0, 68.8, 73.1)},
)

WINDOW: Final = MaintenanceWindow(
    WindowId("bearing-change"), _NOW_MS, _NOW_MS + 7_200_000, "bearing of pump-1 is changed", [_ANOMALY.device]
)
MAINTENANCE: Final = MaintenanceView(_ANOMALY.site, WINDOW, "anna", _NOW_MS - 60_000, CommandId("shift-2-declare-maintenance"))

ACKNOWLEDGEMENT: Final = Acknowledgement("anna", _NOW_MS + 30_000, "on my way", CommandId("shift-2-acknowledge-anomaly"))
LABEL: Final = LabelGiven(
    AnomalyLabel.TRUE_ALARM, "anna", _NOW_MS + 900_000, "bearing was dry", CommandId("shift-2-label-anomaly")
)

ANOMALY: Final = anomaly_view(_ANOMALY, Annotations(ACKNOWLEDGEMENT, [LABEL]))
INCIDENT: Final = incident_view(examples.INCIDENT, Annotations(ACKNOWLEDGEMENT))
ANOMALIES: Final = Page([ANOMALY], None, examples.ANOMALIES.as_of)
INCIDENTS: Final = Page([INCIDENT], None, examples.ANOMALIES.as_of)
POINTS: Final = Page([POINT], None, examples.ANOMALIES.as_of)
MAINTENANCE_PAGE: Final = Page([MAINTENANCE], None, AsOf(_NOW_MS))


def _receipt(kind: CommandKind) -> CommandReceipt:
    return CommandReceipt(CommandId(f"shift-2-{kind}"), _ANOMALY.site, kind, f"/v1/commands/shift-2-{kind}")


ACKNOWLEDGED: Final = _receipt(CommandKind.ACKNOWLEDGE_ANOMALY)
LABELLED: Final = _receipt(CommandKind.LABEL_ANOMALY)
DECLARED: Final = _receipt(CommandKind.DECLARE_MAINTENANCE)
CANCELLED: Final = _receipt(CommandKind.CANCEL_MAINTENANCE)
ACKNOWLEDGE: Final = Order("on my way", "anna")
LABEL_BODY: Final = LabelRequest(AnomalyLabel.TRUE_ALARM, "anna", "bearing was dry")
MAINTENANCE_BODY: Final = MaintenanceRequest(
    WINDOW.from_ms, WINDOW.until_ms, WINDOW.id, WINDOW.reason, list(WINDOW.devices), issued_by="anna"
)

_SERIES: Final = [{"event_time_ms": _NOW_MS + 60_000 * place, "metrics": {_MOTOR: 70.0 + place}} for place in range(3)]
SERIES_BODIES: Final = {
    "profile": {
        "profile": "temperature-sensor",
        "readings": [{"event_time_ms": _NOW_MS, "metrics": {"temperature_celsius": 21.4, "humidity_percent": 40.0}}],
    },
    "declared": {
        "metrics": {_MOTOR: {"unit": "°C", "low": -40.0, "high": 150.0}},
        "interval_seconds": 60.0,
        "readings": _SERIES,
    },
}
SCORED_SERIES: Final = ScoredSeries(
    ProfileName("declared"),
    _ANOMALY.bundle,
    _ANOMALY.policy,
    [ScoredReading(_NOW_MS, DeviceState.OK, 0.999996, 5.4, 4.2, POINT.metrics, _ANOMALY.id)],
    [_ANOMALY],
)
