"""Makers of readings and configurations for tests of detection. Times start at `START_MS`; one interval is a minute."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from support.forecasters import SmoothForecaster
from tidegate.contracts.configuration import CoreConfiguration, DetectionSettings
from tidegate.contracts.profile import AlarmPolicy, Metric, Profile
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.results import DetectionResult

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000


def profile(name: str = "pump", metrics: Mapping[str, Metric] | None = None, **alarm: Any) -> Profile:
    chosen = dict(metrics) if metrics is not None else {"heat": Metric(unit="°C")}
    return Profile(name, MINUTE_MS / 1000, chosen, alarm=AlarmPolicy(**alarm))


def configuration(*profiles: Profile, **settings: Any) -> CoreConfiguration:
    chosen = profiles or (profile(),)
    return CoreConfiguration({each.name: each for each in chosen}, detection=DetectionSettings(**settings))


def detection(*profiles: Profile, **settings: Any) -> Detection:
    return Detection(configuration(*profiles, **settings), {"universal": SmoothForecaster()})


def reading(minute: float, value: float | None = 20.0, device: str = "d", **given: Any) -> Reading:
    metrics = given.pop("metrics", {"heat": value})
    fields = {"site": "s", "profile": "pump", "event_time_ms": START_MS + round(minute * MINUTE_MS)} | given
    return Reading(device=device, metrics=metrics, **fields)


def tick_of(minute: float) -> int:
    return START_MS + round(minute * MINUTE_MS)


def noise(readings: int, random_state: int = 0, centre: float = 20.0) -> list[float]:
    return np.random.default_rng(random_state).normal(centre, 1.0, readings).tolist()


def observe_series(subject: Detection, values: Sequence[float | None], start: int = 0, **given: Any) -> DetectionResult:
    """All of `values` as one batch, a minute apart."""
    readings = [reading(start + minute, value, **given) for minute, value in enumerate(values)]
    return subject.observe(readings, tick_of(start + len(values)))
