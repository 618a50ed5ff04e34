"""Scores a series of one device by itself: the worker's own code over a state that begins and ends with the question. Pure.

One reading at a time, because the band that was expected of each is asked for, and the state holds only the last. That
changes no score: they do not depend on how readings are cut into batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.configuration import CoreConfiguration, DetectionSettings
from tidegate.contracts.ids import DeviceId, MetricName, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.reading import Reading
from tidegate.contracts.scores import MetricPoint
from tidegate.contracts.series import ScoredReading, ScoredSeries, SeriesReading
from tidegate.core.classifier import Model
from tidegate.core.detection.anomalies import score_of
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.look import finite, look_at
from tidegate.core.detection.results import DetectionResult

SITE: Final = SiteId("series")
DEVICE: Final = DeviceId("series")
"""Names of what has none here; ids of anomalies are made of them."""


def score_series(
    profile: Profile, settings: DetectionSettings, forecasters: Mapping[str, Model], readings: Sequence[SeriesReading]
) -> ScoredSeries:
    """Score `readings` of a device of `profile`, in that order. Clocks are believed up to the reading at hand.

    Raises:
        BundleError: the bundle fails.
    """
    configuration = CoreConfiguration({profile.name: profile}, replace(settings, score_every_seconds=86_400.0))
    detection = Detection(configuration, forecasters)
    scored: list[ScoredReading] = []
    anomalies: list[Anomaly] = []
    for each in readings:
        reading = Reading(SITE, DEVICE, profile.name, each.event_time_ms, each.metrics)
        result = detection.observe([reading], each.event_time_ms)
        anomalies += result.anomalies
        scored.append(_scored(detection, each, result))
    profiles = detection.roster.profiles
    found = profiles.at(SITE, profile.name)
    assert found is not None  # noqa: S101 - it is what the configuration holds
    return ScoredSeries(profile.name, profiles.bundles[found[0]], profiles.policies[found[0]], scored, anomalies)


def _scored(detection: Detection, reading: SeriesReading, result: DetectionResult) -> ScoredReading:
    opened = detection.anomalies.open.get(0)
    anomaly = None if opened is None else opened.id
    if not len(result.scores.index):
        why = result.rejections[0].message if result.rejections else "a repeat of a reading before it"
        return ScoredReading(reading.event_time_ms, None, None, None, None, {}, anomaly, why)
    rarity, scores = float(result.scores.neg_log10_p[0]), result.scores
    judged = not np.isnan(rarity)
    return ScoredReading(
        event_time_ms=reading.event_time_ms,
        state=STATE_CODES[scores.state[0]],
        score=score_of(rarity) if judged else None,
        neg_log10_p=rarity if judged else None,
        threshold=finite(float(scores.threshold[0])),
        metrics=_bands(detection),
        anomaly=anomaly,
    )


def _bands(detection: Detection) -> dict[MetricName, MetricPoint]:
    look = look_at(detection.roster.subject(0))
    return {
        each.name: MetricPoint(None if each.missing else each.value, each.expected, each.expected_low, each.expected_high)
        for each in look.metrics
    }
