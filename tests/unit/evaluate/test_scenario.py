"""The made-up part of a scenario is what its notes say; demand is what the recording and the profile say."""

import numpy as np
import pytest

from support.recordings import bitbrains_file, map_files
from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.ids import ProfileName, SiteId
from tidegate.contracts.topology import check_topology
from tidegate.errors import InputError
from tidegate.fleet.readers import open_dataset
from tidegate_training.evaluate.scenario import build_scenario, common_traces, demand_of, distances_km, replicated

PROFILE = shipped_profiles()[ProfileName("bitbrains-vm")]
SITE = SiteId("melbourne")


@pytest.fixture
def recorded(tmp_path):
    return open_dataset(bitbrains_file(tmp_path / "vms.parquet"))


def test_demand_is_the_profiles_mapping_of_the_recorded_metrics(recorded):
    series = recorded[0]
    demand = demand_of(series, PROFILE, ["cpu_millicores", "bandwidth_bps"])
    assert demand[:, 0] == pytest.approx(series.values[:, 0] * 0.3846)
    assert demand[:, 1] == pytest.approx((series.values[:, 4] + series.values[:, 5]) * 8192)


def test_traces_share_one_grid_and_a_gap_stays_unknown(recorded):
    gappy = recorded[0].rows(0, 10)
    traces = common_traces([gappy, *recorded[1:]], PROFILE)
    assert traces.demand.shape == (60, 6, 3)
    assert np.isnan(traces.demand[10:, 0]).all()
    assert np.isfinite(traces.demand[:, 1:]).all()


def test_devices_that_never_speak_within_the_steps_are_left_out(recorded):
    late = recorded[0].rows(50, 60)
    assert len(common_traces([late, *recorded[1:]], PROFILE, steps=20).series) == 5


def test_a_profile_without_demand_is_refused(recorded):
    with pytest.raises(InputError, match="no demand"):
        common_traces(recorded, shipped_profiles()[ProfileName("smd-server")])


def test_every_device_starts_at_the_nearest_gateway_of_those_it_reaches(tmp_path, recorded):
    map_files(tmp_path / "eua")
    scenario = build_scenario(tmp_path, SITE, common_traces(recorded, PROFILE))
    check_topology(scenario.topology)
    for device in scenario.topology.devices:
        nearest = min(device.reach, key=lambda link: link.latency_ms)
        assert device.gateway == nearest.gateway
    assert "recorded positions" in scenario.notes[0]


def test_without_recorded_positions_they_are_drawn_and_the_notes_say_so(tmp_path, recorded):
    first = build_scenario(tmp_path, SITE, common_traces(recorded, PROFILE))
    again = build_scenario(tmp_path, SITE, common_traces(recorded, PROFILE))
    assert first.topology == again.topology
    assert "random positions" in first.notes[0]


def test_a_gateway_holds_the_largest_device_and_the_site_holds_them_all(tmp_path, recorded):
    traces = common_traces(recorded, PROFILE)
    gateways = build_scenario(tmp_path, SITE, traces).topology.gateways
    cpu = np.array([gateway.capacity["cpu_millicores"] for gateway in gateways])
    assert cpu.min() >= np.quantile(traces.demand[:, :, 0], 0.99, axis=0).max()
    assert cpu.sum() >= 1.3 * np.quantile(traces.demand[:, :, 0].sum(axis=1), 0.99)


def test_replicas_are_the_same_recording_at_another_time(recorded):
    copies = replicated(recorded, 3)
    assert len({series.device for series in copies}) == 3 * len(recorded)
    assert (copies[0].values == recorded[0].values).all()
    shifted = copies[len(recorded)]
    assert (shifted.values == np.roll(recorded[0].values, 20, axis=0)).all()
    assert (shifted.event_time_ms == recorded[0].event_time_ms).all()


def test_distances_are_kilometres_on_the_ground():
    melbourne, geelong = np.array([[-37.8136, 144.9631]]), np.array([[-38.1499, 144.3617]])
    assert distances_km(melbourne, geelong)[0, 0] == pytest.approx(64.5, abs=1.0)
