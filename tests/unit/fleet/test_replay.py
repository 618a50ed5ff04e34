"""Replay: merged in order, nothing ahead of now, labels left behind, topologies that hold the fleet."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, check_command
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.reading import ReadingBatch
from tidegate.contracts.topology import check_topology
from tidegate.errors import ConfigurationError, InputError
from tidegate.fleet.eua import RADIUS_KM, eua_topology, spread_out, to_plane_km
from tidegate.fleet.merge import aligned, merge, moved, shift_to_now_ms, to_reading
from tidegate.fleet.outbox import BATCH_READINGS, Traffic
from tidegate.fleet.pace import AtOnce
from tidegate.fleet.placement import BASE_LATENCY_MS
from tidegate.fleet.replay import plan_replay, replay
from tidegate.fleet.series import Series
from tidegate.fleet.sizing import even_capacity, peak_demand

PROFILES = shipped_profiles()


class Recorder:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.batches: list[ReadingBatch] = []
        self.commands: list[Command] = []

    async def send(self, batch: ReadingBatch) -> None:
        self.batches.append(batch)

    async def command(self, command: Command) -> None:
        self.commands.append(command)

    async def close(self) -> None:
        """Nothing to release."""


def series(device: str, times: list[int], profile: str = "planetlab-vm", dataset: str = "planetlab") -> Series:
    return Series(
        dataset=dataset,
        device=DeviceId(device),
        profile=ProfileName(profile),
        interval_seconds=300.0,
        event_time_ms=np.array(times, np.int64),
        metrics=(MetricName(next(iter(PROFILES[ProfileName(profile)].metrics))),),
        values=np.arange(len(times), dtype=np.float64)[:, None],
        labels=np.ones(len(times), np.bool_),
    )


times_strategy = st.lists(st.integers(0, 40), unique=True).map(sorted)


@given(st.lists(times_strategy, max_size=5), st.integers(0, 50))
def test_merging_keeps_time_order_every_row_and_each_devices_order(all_times: list[list[int]], limit: int) -> None:
    fleet = [series(f"d{index}", times) for index, times in enumerate(all_times)]
    merged = list(merge(fleet))
    moments = [all_times[owner][row] for owner, row in merged]
    assert moments == sorted(moments)
    assert sorted(merged) == [(owner, row) for owner, times in enumerate(all_times) for row in range(len(times))]
    for owner in range(len(fleet)):
        rows = [row for index, row in merged if index == owner]
        assert rows == sorted(rows)
    assert list(merge(fleet, limit)) == merged[:limit]


@given(st.integers(0, 10**12), st.integers(0, 10**9), st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 600.0]), st.floats(0, 1))
def test_shifted_event_times_are_never_ahead_of_the_clock(first_ms: int, length_ms: int, speed: float, share: float) -> None:
    now = 1_700_000_000_000
    moment_ms = first_ms + round(share * length_ms)
    by_ms = shift_to_now_ms(first_ms, first_ms + length_ms, now, speed)
    sent_at_ms = now + ((moment_ms - first_ms) / speed if speed else 0)
    assert moment_ms + by_ms <= sent_at_ms + 1
    if speed == 1:
        assert moment_ms + by_ms == sent_at_ms


def test_aligned_series_begin_together_and_keep_their_steps() -> None:
    first, second, empty = aligned([series("a", [100, 160]), series("b", [5, 9, 30]), series("c", [])])
    assert first.event_time_ms.tolist() == [5, 65]
    assert second.event_time_ms.tolist() == [5, 9, 30]
    assert len(empty) == 0
    assert moved(second, 10).event_time_ms.tolist() == [15, 19, 40]


def test_a_reading_has_null_for_missing_and_no_trace_of_labels() -> None:
    one = series("a", [7])
    one.values[0, 0] = np.nan
    reading = to_reading(one, 0, SiteId("s"))
    assert reading.metrics == {"cpu_percent": None}
    assert b"label" not in encode(reading)


async def test_replay_registers_first_then_sends_every_reading_in_batches_of_one_site() -> None:
    fleet = [series("a", list(range(0, 3000, 2))), series("b", list(range(1, 3001, 2))), series("n", [5, 6], "nab-5min", "nab")]
    sink, traffic = Recorder(), Traffic()
    await replay(plan_replay(fleet, PROFILES), sink, AtOnce(), traffic)
    assert [command.site for command in sink.commands] == ["planetlab", "nab"]
    check_command(sink.commands[0])
    assert all(len(batch.readings) <= BATCH_READINGS for batch in sink.batches)
    assert all(reading.site == batch.site for batch in sink.batches for reading in batch.readings)
    sent = [reading.event_time_ms for batch in sink.batches if batch.site == "planetlab" for reading in batch.readings]
    assert sent == list(range(3001))[: len(sent)]
    assert traffic.readings == 3002 == sum(len(batch.readings) for batch in sink.batches)


async def test_the_limit_counts_readings_of_the_whole_fleet() -> None:
    sink = Recorder()
    await replay(plan_replay([series("a", [1, 4]), series("b", [2, 3])], PROFILES), sink, AtOnce(), Traffic(), limit=3)
    assert [reading.event_time_ms for batch in sink.batches for reading in batch.readings] == [1, 2, 3]


def test_made_up_gateways_hold_the_recorded_peaks_with_headroom() -> None:
    fleet = [series(f"d{index}", list(range(100))) for index in range(10)]
    (topology,) = plan_replay(fleet, PROFILES, gateways=4).topologies
    check_topology(topology)
    capacity = sum(gateway.capacity["cpu_millicores"] for gateway in topology.gateways)
    peak = peak_demand(PROFILES[ProfileName("planetlab-vm")], fleet[0].metrics, fleet[0].values)["cpu_millicores"]
    assert capacity == pytest.approx(1.3 * 10 * peak)
    assert sum(gateway.capacity["devices"] for gateway in topology.gateways) >= 10


def test_a_gateway_is_never_smaller_than_the_largest_device() -> None:
    assert even_capacity([{"cpu_millicores": 100.0}, {}], gateways=50)["cpu_millicores"] == pytest.approx(130)


def test_data_without_demand_is_placed_by_the_number_of_devices() -> None:
    (topology,) = plan_replay([series("n", [1], "nab-5min")], PROFILES, gateways=2).topologies
    assert [gateway.capacity for gateway in topology.gateways] == [{"devices": 1.0}] * 2
    assert [device.gateway for device in topology.devices] == [None], "a recording does not say who served whom"


def test_a_fleet_without_gateways_gets_no_topology() -> None:
    assert plan_replay([series("a", [1])], PROFILES, gateways=0).topologies == []


def test_what_cannot_be_replayed_is_refused() -> None:
    with pytest.raises(InputError, match="no reading"):
        plan_replay([series("a", [])], PROFILES)
    with pytest.raises(InputError, match="appears twice"):
        plan_replay([series("a", [1]), series("a", [2])], PROFILES)
    with pytest.raises(ConfigurationError, match="not among the profiles"):
        plan_replay([series("a", [1])], {})
    with pytest.raises(ConfigurationError, match="gateways is -1"):
        plan_replay([series("a", [1])], PROFILES, gateways=-1)


def eua(folder: Path, servers: str = "", users: str = "") -> Path:
    (folder / "edge-servers").mkdir(parents=True, exist_ok=True)
    (folder / "users").mkdir(exist_ok=True)
    server_rows = servers or "".join(f"{index},-37.8{index},144.9{index},,\n" for index in range(6))
    user_rows = users or "".join(f"-37.8{index}1,144.9{index}1\n" for index in range(6))
    (folder / "edge-servers/site.csv").write_text(f"SITE_ID,LATITUDE,LONGITUDE,NAME,STATE\n{server_rows}", encoding="utf-8")
    (folder / "users/users-melbcbd-generated.csv").write_text(f"Latitude,Longitude\n{user_rows}", encoding="utf-8")
    return folder


def test_the_map_puts_gateways_at_servers_and_devices_within_reach(tmp_path: Path) -> None:
    fleet = [series(f"d{index}", list(range(10))) for index in range(4)]
    topology = eua_topology(eua(tmp_path), fleet, PROFILES, site=SiteId("melbourne"), gateways=3)
    check_topology(topology)
    assert len({gateway.id for gateway in topology.gateways}) == 3
    farthest_ms = BASE_LATENCY_MS + 10 * RADIUS_KM
    for device in topology.devices:
        assert device.gateway == device.reach[0].gateway
        latencies = [link.latency_ms for link in device.reach]
        assert latencies == sorted(latencies)
        assert all(latency <= farthest_ms + 1e-9 for latency in latencies[1:])
    assert topology == eua_topology(tmp_path, fleet, PROFILES, site=SiteId("melbourne"), gateways=3)


def test_a_degree_of_latitude_is_a_hundred_and_eleven_kilometres() -> None:
    plane = to_plane_km(np.array([[-37.0, 145.0], [-38.0, 146.0]]), np.array([-38.0, 145.0]))
    assert plane[0] == pytest.approx([0, 111.195])
    assert plane[1] == pytest.approx([111.195 * np.cos(np.radians(38)), 0])


def test_spreading_takes_the_centre_then_the_corners() -> None:
    places = np.array([[0.0, 0], [10, 0], [5, 5], [0, 10], [10, 10], [6, 5]])
    assert spread_out(places, 5) == [2, 0, 1, 3, 4]


@pytest.mark.parametrize(
    ("servers", "users", "expected"),
    [
        ("1,north,144,,\n", "", "row 2: LATITUDE is 'north'"),
        ("1,-97,144,,\n", "", "row 2: place is"),
        ("1,,144,,\n", "", "row 2: place is"),
        ("1,-37,144,,\n", "", "1 servers, wanted 3"),
        ("", "-37,144\n", "1 users, wanted 4"),
    ],
)
def test_a_map_that_cannot_be_used_is_refused(tmp_path: Path, servers: str, users: str, expected: str) -> None:
    fleet = [series(f"d{index}", [1]) for index in range(4)]
    with pytest.raises(InputError, match=expected):
        eua_topology(eua(tmp_path, servers, users), fleet, PROFILES, site=SiteId("m"), gateways=3)


def test_a_folder_that_is_no_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the folder of the EUA data set"):
        eua_topology(tmp_path, [series("a", [1])], PROFILES, site=SiteId("m"), gateways=1)
