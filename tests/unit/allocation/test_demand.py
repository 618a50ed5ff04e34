"""From readings and forecasts to what a device needs."""

import numpy as np
import pytest

from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.profile import DemandMapping, DemandTerm, Metric, Profile
from tidegate.core.demand import SiteDemand, device_forecasts, site_demand
from tidegate.core.detection.results import DemandGroup, DemandRows

LEVELS = np.array([1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0])
"""Forecast quantiles of a metric that is uniform between 0 and 100, at every horizon."""


def configuration(mapping: dict[str, DemandMapping], **settings: object) -> CoreConfiguration:
    profile = Profile("camera", 10.0, {"load": Metric(), "idle": Metric()}, demand=mapping)
    return CoreConfiguration({"camera": profile}, allocation=AllocationSettings(**settings))  # type: ignore[arg-type]  # any field


def rows(load: float, idle: float = 1.0, quantiles: np.ndarray | None = None) -> DemandRows:  # type: ignore[type-arg]  # float64
    forecast = np.broadcast_to(LEVELS if quantiles is None else quantiles, (1, 2, 4, 7))
    group = DemandGroup("camera", ["load", "idle"], ["cam-1"], np.array([7]), np.array([[load, idle]]), forecast)
    return DemandRows("north", [group])


def demand_of(mapping: DemandMapping, given: DemandRows, **settings: object) -> SiteDemand:
    return site_demand(given, configuration({"cpu_millicores": mapping}, **settings))


def test_demand_is_the_constant_and_the_scaled_metrics() -> None:
    mapping = DemandMapping(10.0, [DemandTerm("load", 2.0), DemandTerm("idle", 3.0)])
    demand = demand_of(mapping, rows(load=20.0, idle=1.0))
    assert demand.now.tolist() == [[53.0]]
    assert demand.quantiles[0, 0, 0, 3] == 10.0 + 2 * 50.0 + 3 * 50.0
    assert demand.grant_request.tolist() == [[10.0 + 5 * 90.0]]


def test_the_requested_quantile_is_interpolated_between_levels() -> None:
    mapping = DemandMapping(terms=[DemandTerm("load")])
    assert demand_of(mapping, rows(1.0), grant_quantile=0.97).grant_request[0, 0] == pytest.approx(97.0)
    assert demand_of(mapping, rows(1.0), grant_quantile=0.999).grant_request[0, 0] == pytest.approx(99.0)


def test_the_horizon_is_the_first_one_long_enough() -> None:
    by_horizon = np.array([1.0, 2.0, 3.0, 4.0])[None, None, :, None] * np.ones((1, 2, 4, 7))
    mapping = DemandMapping(terms=[DemandTerm("load")])
    found = [demand_of(mapping, rows(9.0, quantiles=by_horizon), forecast_horizon=h).grant_request[0, 0] for h in (1, 2, 12, 99)]
    assert found == [1.0, 2.0, 3.0, 4.0]


def test_a_falling_term_uses_the_opposite_quantile() -> None:
    demand = demand_of(DemandMapping(100.0, [DemandTerm("idle", -1.0)]), rows(0.0, idle=30.0))
    assert demand.now.tolist() == [[70.0]]
    assert demand.grant_request.tolist() == [[90.0]]


def test_demand_is_never_negative() -> None:
    demand = demand_of(DemandMapping(-500.0, [DemandTerm("load")]), rows(load=3.0))
    assert demand.now.tolist() == [[0.0]]
    assert demand.quantiles.min() == 0.0


def test_a_sample_is_what_a_reading_says_and_nothing_else() -> None:
    mapping = DemandMapping(-5.0, [DemandTerm("load")])
    assert demand_of(mapping, rows(load=20.0)).sample.tolist() == [[15.0]]
    assert demand_of(mapping, rows(load=3.0)).sample.tolist() == [[0.0]]
    for unsaid in (demand_of(mapping, rows(np.nan)), demand_of(mapping, rows(np.inf)), demand_of(DemandMapping(4.0), rows(20.0))):
        assert np.isnan(unsaid.sample).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_without_a_usable_forecast_the_present_counts(broken: float) -> None:
    levels = LEVELS.copy()
    levels[6] = broken
    demand = demand_of(DemandMapping(1.0, [DemandTerm("load")]), rows(load=7.0, quantiles=levels))
    assert demand.grant_request.tolist() == [[8.0]]


@pytest.mark.parametrize("hostile", [np.nan, np.inf, 1e308])
def test_without_a_usable_reading_the_constant_counts(hostile: float) -> None:
    mapping = DemandMapping(4.0, [DemandTerm("load", 1e10)])
    demand = demand_of(mapping, rows(load=hostile, quantiles=np.full(7, np.nan)))
    assert demand.now.tolist() == demand.grant_request.tolist() == [[4.0]]


def test_a_metric_that_the_profile_lacks_leaves_the_constant() -> None:
    assert demand_of(DemandMapping(4.0, [DemandTerm("unknown")]), rows(1.0)).grant_request.tolist() == [[4.0]]


def test_resources_of_several_profiles_share_columns_and_leave_gaps() -> None:
    camera = Profile("camera", 10.0, {"load": Metric()}, demand={"cpu": DemandMapping(1.0), "net": DemandMapping(2.0)})
    meter = Profile("meter", 10.0, {}, demand={"net": DemandMapping(3.0)})
    groups = [
        DemandGroup("camera", ["load"], ["cam"], np.array([1]), np.ones((1, 1)), np.ones((1, 1, 4, 7))),
        DemandGroup("meter", [], ["met", "mat"], np.array([2, 3]), np.ones((2, 0)), np.ones((2, 0, 4, 7))),
        DemandGroup("gone", [], ["old"], np.array([4]), np.ones((1, 0)), np.ones((1, 0, 4, 7))),
    ]
    demand = site_demand(DemandRows("north", groups), CoreConfiguration({"camera": camera, "meter": meter}))
    assert (demand.devices, demand.resources) == (["cam", "met", "mat", "old"], ["cpu", "net"])
    np.testing.assert_equal(demand.now, [[1.0, 2.0], [np.nan, 3.0], [np.nan, 3.0], [np.nan, np.nan]])
    assert demand.event_time_ms.tolist() == [1, 2, 3, 4]


def test_a_site_without_devices_has_empty_demand() -> None:
    demand = site_demand(DemandRows("north", []), CoreConfiguration({}))
    assert demand.now.shape == (0, 0)
    assert demand.quantiles.shape == (0, 0, 4, 7)


def test_a_forecast_fact_says_what_the_planner_relies_on() -> None:
    class Detection:
        def demand_rows(self, site: str) -> DemandRows:
            return rows(load=20.0)

    mapping = configuration({"cpu_millicores": DemandMapping(0.0, [DemandTerm("load")])})
    (fact,) = device_forecasts(Detection(), [("north", "cam-1"), ("north", "nobody")], mapping)
    assert (fact.device, fact.profile, fact.event_time_ms) == ("cam-1", "camera", 7)
    assert fact.grant_request == {"cpu_millicores": 90.0}
    assert fact.resources[0].now == 20.0
    assert fact.resources[0].quantiles == [LEVELS.tolist()] * 4
