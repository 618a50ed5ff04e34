"""A device that was calm, lived once for all tests that start from it: a round costs the same for one device as for ten."""

from functools import cache
from typing import Any

from support.forecasters import SmoothForecaster
from support.readings import configuration, detection, noise, profile, reading, tick_of
from tidegate.contracts.profile import Metric, Profile
from tidegate.core.detection.detection import Detection

CALM = 600
"""Minutes of ordinary noise around 20 that everybody has seen: ten hours."""

OTHERS = ("neighbour", *(f"other{number}" for number in range(8)))


def calm_device(judged_by: Profile | None = None) -> Detection:
    """Device `d` and its `OTHERS` after `CALM` readings of noise each, with no anomaly open; `judged_by` has one metric, heat."""
    return Detection.restore(configuration(judged_by or profile()), {"universal": SmoothForecaster()}, _calm_state())


@cache
def _calm_state() -> dict[str, Any]:
    subject = detection()
    columns = {"d": noise(CALM), **{name: noise(CALM, number + 1) for number, name in enumerate(OTHERS)}}
    batch = [reading(minute, values[minute], device=name) for minute in range(CALM) for name, values in columns.items()]
    subject.observe(batch, tick_of(CALM))
    assert subject.device_views()[0].anomaly is None
    return subject.export_state()


def calm_pair(judged_by: Profile) -> Detection:
    """A device with metrics heat and flow, of independent noise, after `CALM` readings."""
    return Detection.restore(configuration(judged_by), {"universal": SmoothForecaster()}, _pair_state())


@cache
def _pair_state() -> dict[str, Any]:
    subject = detection(profile(metrics={"heat": Metric(), "flow": Metric()}))
    pairs = zip(noise(CALM), noise(CALM, 5), strict=True)
    subject.observe([reading(t, metrics={"heat": a, "flow": b}) for t, (a, b) in enumerate(pairs)], tick_of(CALM))
    return subject.export_state()
