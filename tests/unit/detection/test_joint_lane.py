"""Devices whose metrics are forecast jointly: any order of metrics, a memory that is lost whole, and company of other bundles."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from support.forecasters import JointForecaster, SmoothForecaster
from support.readings import configuration, noise, profile, reading, tick_of
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.profile import Metric, Profile
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.results import Scores

METRICS = ("a", "b", "c")
MINUTES = 120
LOST_AT = 13.0


def pump(metrics: Sequence[str] = METRICS, name: str = "pump") -> Profile:
    return replace(profile(name, {each: Metric() for each in metrics}), bundle="pumps")


def watching(*profiles: Profile, lost_at: float | None = None) -> Detection:
    joint = JointForecaster(METRICS, lost_at=lost_at)
    return Detection(configuration(*(profiles or (pump(),))), {"universal": SmoothForecaster(), "pumps": joint})


def follow(subject: Detection, minutes: int = MINUTES, start: int = 0, **given: object) -> Scores:
    """Three metrics that move together, `d` of `pump` unless said otherwise, as one batch."""
    columns = [noise(start + minutes, 0), noise(start + minutes, 1), noise(start + minutes, 2)]
    shared = noise(start + minutes, 3, centre=0.0)
    batch = [
        reading(at, metrics={name: column[at] + shared[at] for name, column in zip(METRICS, columns, strict=True)}, **given)
        for at in range(start, start + minutes)
    ]
    return subject.observe(batch, tick_of(start + minutes)).scores


def test_the_forecast_of_a_metric_depends_on_the_others() -> None:
    together, alone = watching(), watching(replace(pump(), bundle=None))
    assert not np.array_equal(follow(together).surprise, follow(alone).surprise)


def test_the_order_of_a_profiles_metrics_changes_no_forecast_bit_for_bit_and_no_score() -> None:
    subject = watching(pump(("c", "a", "b")), pump(name="other"))
    turned, straight = follow(subject), follow(subject, device="e", profile="other")
    np.testing.assert_allclose(turned.surprise, straight.surprise, rtol=1e-12)  # sums over rows run in the order of the profile
    table = subject.roster.lanes[0].rows
    for column in ("quantiles", "model/level", "model/leaning", "band"):
        assert table.arrays[column][[1, 2, 0]].tobytes() == table.arrays[column][[3, 4, 5]].tobytes()


def test_a_memory_that_is_no_longer_finite_is_lost_for_all_metrics_of_the_device_and_for_no_other() -> None:
    subject = watching(lost_at=LOST_AT)
    follow(subject)
    follow(subject, device="e")
    last = reading(MINUTES, metrics={"a": 20.0, "b": LOST_AT, "c": 20.0})
    subject.observe([last, replace(last, device="e", metrics={**last.metrics, "b": 20.0})], tick_of(MINUTES))
    rows = subject.roster.lanes[0].rows
    assert np.isnan(rows.quantiles[:3]).all()
    assert not rows.arrays["model/seen"][:3].any()
    assert np.isfinite(rows.quantiles[3:6]).all()
    assert rows.arrays["model/seen"][3:6].all()
    follow(subject, start=MINUTES + 1, minutes=5)
    assert [view.state for view in subject.device_views()] == [DeviceState.WARMING, DeviceState.OK]
    assert np.isfinite(rows.quantiles[:6]).all()


def test_of_metrics_that_are_forecast_by_themselves_only_the_one_starts_anew() -> None:
    class Fragile(SmoothForecaster):
        def step(self, values, mask, elapsed, learn, state):
            step = super().step(values, mask, elapsed, learn, state)
            return replace(step, quantiles=np.where((values == LOST_AT)[:, None, None], np.nan, step.quantiles))

    subject = Detection(configuration(replace(pump(), bundle=None)), {"universal": Fragile()})
    follow(subject)
    subject.observe([reading(MINUTES, metrics={"a": 20.0, "b": LOST_AT, "c": 20.0})], tick_of(MINUTES))
    assert subject.roster.lanes[0].rows.arrays["model/seen"][:3, 0].tolist() == [MINUTES + 1.0, 0.0, MINUTES + 1.0]


def test_a_metric_that_never_comes_leaves_the_others_forecast() -> None:
    subject = watching()
    for minute, value in enumerate(noise(MINUTES)):
        subject.observe([reading(minute, metrics={"a": value, "b": None, "c": 2.0 * value})], tick_of(minute))
    assert np.isfinite(subject.roster.lanes[0].rows.quantiles[:3]).all()
    assert subject.device_views()[0].state is DeviceState.PARTIAL


def test_devices_of_other_profiles_go_on_with_the_universal_bundle() -> None:
    subject = watching(pump(), replace(pump(name="valve"), bundle=None))
    alone = watching(replace(pump(name="valve"), bundle=None))
    follow(subject)
    both = [follow(each, device="e", profile="valve").surprise for each in (subject, alone)]
    assert both[0].tobytes() == both[1].tobytes()
    assert [lane.identity for lane in subject.roster.lanes] == ["pumps/1@000000000000", "smooth/1@000000000000"]


@pytest.mark.parametrize("metrics", [("a", "b"), ("a", "b", "c", "x")])
def test_a_profile_of_other_metrics_is_served_by_the_universal_bundle_and_says_so(metrics: tuple[str, ...]) -> None:
    subject = watching(pump(metrics))
    subject.observe([reading(0, metrics={"a": 1.0})], tick_of(0))
    explained = subject.explain("s", "d")
    assert explained is not None
    assert explained.bundle == "smooth/1@000000000000 in place of pumps"


def test_a_profile_that_comes_to_a_joint_bundle_starts_anew_there() -> None:
    subject = watching(replace(pump(), bundle=None))
    follow(subject)
    subject.configure(configuration(pump()))
    follow(subject, start=MINUTES, minutes=5)
    assert subject.device_views()[0].state is DeviceState.WARMING
    assert np.isfinite(subject.roster.lanes[1].rows.quantiles[:3]).all()
