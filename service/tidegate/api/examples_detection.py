"""Real values for the documentation of what detection says beyond its facts: scores, annotations, maintenance windows."""

from dataclasses import fields
from typing import Any, Final

from tidegate.api import examples
from tidegate.contracts.annotation import Acknowledgement, AnomalyLabel, AnomalyView, IncidentView, LabelGiven
from tidegate.contracts.anomaly import Anomaly, DeviceState, Incident
from tidegate.contracts.ids import CommandId
from tidegate.contracts.maintenance import MaintenanceView, MaintenanceWindow, WindowId
from tidegate.contracts.scores import (
    DeviceColumns,
    MetricColumns,
    MetricPoint,
    ScoreBatch,
    ScoredMetric,
    ScoreGroup,
    ScorePoint,
)

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


def _whole(fact: Anomaly | Incident) -> dict[str, Any]:
    return {each.name: getattr(fact, each.name) for each in fields(fact)}


ANOMALY: Final = AnomalyView(**_whole(_ANOMALY), acknowledgement=ACKNOWLEDGEMENT, labels=[LABEL])
INCIDENT: Final = IncidentView(**_whole(examples.INCIDENT), acknowledgement=ACKNOWLEDGEMENT)
