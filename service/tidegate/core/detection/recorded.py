"""Recorded samples as answers: the explanation that was true then, in the words of now, and a point for a chart. Pure."""

from tidegate.contracts.scores import MetricPoint, ScorePoint, ScoreSample
from tidegate.contracts.views import DeviceView, Explanation
from tidegate.core.detection.anomalies import score_of
from tidegate.core.detection.attribution import parts_of
from tidegate.core.detection.explanation import often_of, reasons, suppressions, would_fire
from tidegate.core.detection.look import Look, finite, look_back


def explained(sample: ScoreSample) -> Explanation:
    """What explaining the device would have said when `sample` was recorded."""
    look, columns = look_back(sample.group), sample.group.devices
    return Explanation(
        device=DeviceView(
            site=sample.site,
            device=columns.device[0],
            profile=sample.group.profile,
            gateway=columns.gateway[0],
            state=look.state,
            readings=columns.readings[0],
            last_event_time_ms=columns.event_time_ms[0],
            score=_score(look),
            neg_log10_p=finite(look.rarity),
            anomaly=columns.anomaly[0],
            metrics={metric.name: None if metric.missing else metric.value for metric in look.metrics},
            unrest=columns.sustained[0] if columns.sustained and finite(look.rarity) is not None else None,
        ),
        threshold=look.threshold,
        alarming=columns.anomaly[0] is not None,
        streams=reasons(look, least=0.0),
        suppressed_by=suppressions(look),
        would_fire=would_fire(look),
        bundle=sample.group.bundle,
        policy=sample.group.policy,
        how_often=often_of(look),
        parts=parts_of(look, None),
    )


def point_of(sample: ScoreSample) -> ScorePoint:
    """What a chart shows of `sample`."""
    look, columns = look_back(sample.group), sample.group.devices
    return ScorePoint(
        event_time_ms=columns.event_time_ms[0],
        recorded_at_ms=sample.recorded_at_ms,
        state=look.state,
        score=_score(look),
        neg_log10_p=finite(look.rarity),
        threshold=finite(look.threshold),
        anomaly=columns.anomaly[0],
        metrics={
            metric.name: MetricPoint(
                None if metric.missing else metric.value, metric.expected, metric.expected_low, metric.expected_high
            )
            for metric in look.metrics
        },
    )


def _score(look: Look) -> float | None:
    return None if finite(look.rarity) is None else score_of(look.rarity)
