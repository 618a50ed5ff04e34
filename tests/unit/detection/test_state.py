"""State out and in again, and under another configuration."""

from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, detection, noise, observe_series, profile, reading, tick_of
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.codec import pack
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.profile import Metric
from tidegate.core.detection.detection import Detection
from tidegate.errors import BundleError, InputError

BUNDLES = {"universal": SmoothForecaster()}


def lived_configuration() -> CoreConfiguration:
    return configuration(profile(), profile("fan", metrics={"a": Metric(), "b": Metric()}))


def lived(**settings: object) -> Detection:
    """Two profiles, an open anomaly, an open incident and an assignment nobody has taken up yet; lived once, then copied."""
    return deepcopy(_lived(**settings))


@cache
def _lived(**settings: object) -> Detection:
    subject = detection(profile(), profile("fan", metrics={"a": Metric(), "b": Metric()}), **settings)
    observe_series(subject, [*noise(300), 90.0])
    for minute in range(40):
        alive = ["x", "y"] if minute > 10 else ["x", "y", "f0", "f1", "f2"]
        batch = [reading(minute, device=n, profile="fan", metrics={"a": 1.0}, gateway=f"g-{n[0]}") for n in alive]
        subject.observe(batch, tick_of(minute))
        subject.tick(tick_of(minute))
    subject.assign("s", "later", "g-x")
    return subject


def test_the_state_used_here_has_something_of_everything() -> None:
    state = lived().export_state()
    assert all(state[name] for name in ("anomalies", "gateway_incidents", "awaited", "gateways", "devices"))


def test_an_export_is_builtins_and_arrays_that_pack() -> None:
    state = lived().export_state()
    rest = {name: value for name, value in state.items() if not isinstance(value, np.ndarray)}
    assert pack(rest)
    assert len(rest) < len(state)


def test_a_restored_state_is_equal_and_stays_equal() -> None:
    first = lived()
    second = Detection.restore(
        configuration(profile(), profile("fan", metrics={"a": Metric(), "b": Metric()})), BUNDLES, first.export_state()
    )
    assert second.digest() == first.digest()
    for subject in (first, second):
        subject.observe([reading(400, 21.0), reading(400, device="later")], tick_of(400))
        subject.tick(tick_of(400))
    assert second.digest() == first.digest()
    assert second.device_views() == first.device_views()
    assert second.silent_gateways("s") == first.silent_gateways("s") == {"g-f"}
    assert {view.device: view.gateway for view in second.device_views()}["later"] == "g-x"


def test_states_that_differ_in_one_reading_have_different_digests() -> None:
    first, second = lived(), lived()
    assert first.digest() == second.digest()
    second.observe([reading(400)], tick_of(400))
    assert first.digest() != second.digest()


def test_an_export_does_not_change_with_the_state_it_was_taken_from() -> None:
    subject = lived()
    state = subject.export_state()
    seen = state["device/readings"].copy()
    observe_series(subject, noise(10), start=400)
    np.testing.assert_array_equal(state["device/readings"], seen)


def test_a_state_of_another_bundle_is_refused() -> None:
    state = lived().export_state()
    with pytest.raises(InputError, match="bundles"):
        Detection.restore(lived_configuration(), {"universal": SmoothForecaster("other")}, state)


@pytest.mark.parametrize("spoil", ["missing", "short", "text"])
def test_a_spoilt_state_is_refused(spoil: str) -> None:
    state = lived().export_state()
    if spoil == "missing":
        del state["device/readings"]
    elif spoil == "short":
        state["rows/universal/quantiles"] = state["rows/universal/quantiles"][:-1]
    else:
        state["judged_at_ms"] = "yesterday"
    with pytest.raises(InputError):
        Detection.restore(lived_configuration(), BUNDLES, state)


def test_a_bundle_of_other_horizons_is_refused() -> None:
    wrong = SmoothForecaster()
    wrong._manifest = replace(wrong.manifest, horizons=[1, 2, 3, 4])
    subject = Detection(configuration(), {"universal": wrong})
    with pytest.raises(BundleError, match="horizons"):
        subject.observe([reading(0)], tick_of(0))


def test_a_profile_without_its_bundle_is_served_by_the_universal_one_and_says_so() -> None:
    subject = detection(replace(profile(), bundle="pumps"))
    observe_series(subject, noise(3))
    explained = subject.explain("s", "d")
    assert explained is not None
    assert explained.bundle == "smooth/1@000000000000 in place of pumps"


def test_profiles_of_different_bundles_run_side_by_side() -> None:
    own = replace(profile("fan"), bundle="fans")
    bundles = {"universal": SmoothForecaster(), "fans": SmoothForecaster("fans", weight=0.5)}
    subject = Detection(configuration(profile(), own), bundles)
    for minute, value in enumerate(noise(20)):
        both = [reading(minute, value), reading(minute, value, device="f", profile="fan")]
        assert subject.observe(both, tick_of(minute)).scored == 2
    by_profile = {group.profile: group.quantiles[0, 0, 0, 3] for group in subject.demand_rows("s").groups}
    assert by_profile["pump"] != by_profile["fan"]


def test_another_alarm_policy_leaves_what_was_learned() -> None:
    subject = lived()
    before = {view.device: view.readings for view in subject.device_views()}
    subject.configure(configuration(profile(alerts_per_device_day=9.0), profile("fan", metrics={"a": Metric(), "b": Metric()})))
    observe_series(subject, noise(1), start=400)
    views = {view.device: view for view in subject.device_views()}
    assert views["d"].state is DeviceState.OK
    assert views["d"].readings == before["d"] + 1


def test_another_list_of_metrics_starts_its_devices_anew_and_others_not() -> None:
    subject = lived()
    fan = profile("fan", metrics={"b": Metric(), "c": Metric(), "d": Metric()})
    subject.configure(configuration(profile(), fan))
    result = subject.observe([reading(400, device="x", profile="fan", metrics={"c": 5.0}), reading(400)], tick_of(400))
    assert result.scored == 2
    views = {view.device: view for view in subject.device_views()}
    assert views["x"].metrics == {"b": None, "c": 5.0, "d": None}
    assert views["x"].state is DeviceState.WARMING
    assert views["d"].state is DeviceState.OK
    assert views["d"].metrics == {"heat": 20.0}


def test_rows_given_up_by_a_change_are_used_no_more() -> None:
    subject = lived()
    rows = subject.roster.lanes[0].rows
    before = rows.size
    for count in (3, 1, 2):
        fan = profile("fan", metrics={f"m{number}": Metric() for number in range(count)})
        subject.configure(configuration(profile(), fan))
    assert rows.size == before


def test_an_anomaly_survives_a_change_of_metrics_and_closes_later() -> None:
    subject = detection(profile())
    observe_series(subject, [*noise(300), 90.0])
    subject.configure(configuration(profile(metrics={"heat": Metric(), "flow": Metric()})))
    result = observe_series(subject, noise(40, 3), start=301)
    assert [fact.status for fact in result.anomalies] == ["closed"]


def test_a_model_state_that_is_no_longer_finite_starts_anew_and_warms() -> None:
    class Fragile(SmoothForecaster):
        def step(self, values, mask, elapsed, learn, state):
            step = super().step(values, mask, elapsed, learn, state)
            return replace(step, quantiles=np.where((values == 13.0)[:, None, None], np.nan, step.quantiles))

    subject = Detection(configuration(), {"universal": Fragile()})
    observe_series(subject, noise(300))
    assert subject.device_views()[0].state is DeviceState.OK
    observe_series(subject, [13.0, 20.0], start=300)
    assert subject.device_views()[0].state is DeviceState.WARMING
    assert np.isfinite(subject.demand_rows("s").groups[0].quantiles).all()


def test_forecasts_fall_due_every_so_many_readings_of_a_device() -> None:
    subject = detection(forecast_every=4)
    due = observe_series(subject, noise(9)).forecast_due
    assert due == [("s", "d"), ("s", "d")]
    assert observe_series(detection(forecast_every=0), noise(9)).forecast_due == []
