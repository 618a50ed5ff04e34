"""Makers of flow records for tests of classified devices: one a second, of the classes of `NearestCentre`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from support.classifiers import CENTRES, CLASSES, STRANGE, NearestCentre
from support.forecasters import SmoothForecaster
from support.readings import START_MS
from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.configuration import CoreConfiguration, DetectionSettings
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.profile import AlarmPolicy, Metric, Profile
from tidegate.contracts.reading import Reading
from tidegate.core.classifier import Model
from tidegate.core.detection.detection import Detection

BYTES, PACKETS = MetricName("bytes"), MetricName("packets")
TICK = START_MS + 1_000_000_000


def flow_profile(bundle: str | None = "flows", metrics: Mapping[MetricName, Metric] | None = None, **given: Any) -> Profile:
    """Columns in another order than the bundle's, and one it does not know."""
    columns = metrics or {PACKETS: Metric(low=-1000.0), MetricName("note"): Metric(), BYTES: Metric(low=-1000.0)}
    alarm = AlarmPolicy(alerts_per_device_day=1.0)
    return Profile(ProfileName("net"), 1.0, dict(columns), bundle=bundle, alarm=alarm, **given)


def models(**changes: Any) -> dict[str, Model]:
    return {"universal": SmoothForecaster(), "flows": NearestCentre(**changes)}


def under(*profiles: Profile, **settings: Any) -> CoreConfiguration:
    return CoreConfiguration({each.name: each for each in profiles or (flow_profile(),)}, DetectionSettings(**settings))


def watching(*profiles: Profile, **changes: Any) -> Detection:
    return Detection(under(*profiles), models(**changes))


def record(second: float, kind: str, device: str = "d", **metrics: float | None) -> Reading:
    """A record of a class, or `odd`, which is of none; the same second gives the same record."""
    centre = STRANGE if kind == "odd" else CENTRES[CLASSES.index(kind)]
    values = np.asarray(centre) + np.random.default_rng(int(second)).normal(scale=0.8, size=2)
    columns: dict[MetricName, float | None] = {BYTES: float(values[0]), PACKETS: float(values[1])}
    columns |= {MetricName(name): value for name, value in metrics.items()}
    return Reading(SiteId("s"), DeviceId(device), ProfileName("net"), START_MS + round(1000 * second), columns)


def course(*stretches: tuple[str, int], start: int = 0, device: str = "d") -> list[Reading]:
    """Stretches of records by class and length, one a second."""
    kinds = [kind for kind, length in stretches for _ in range(length)]
    return [record(start + place, kind, device) for place, kind in enumerate(kinds)]


def facts(subject: Detection, readings: Sequence[Reading]) -> list[Anomaly]:
    result = subject.observe(readings, TICK)
    assert result.rejections == []
    return result.anomalies
