"""Each reader reads its own format, and nobody else's."""

from datetime import UTC, datetime
from pathlib import Path

import fleet_files
import numpy as np
import pytest

from tidegate.adapters.profiles import shipped_profiles
from tidegate.fleet.readers import iter_dataset, open_dataset, scan
from tidegate.fleet.readers.catalogue import READERS
from tidegate.fleet.readers.shape import shape_of
from tidegate.fleet.series import Series


def only(path: Path) -> Series:
    (series,) = open_dataset(path)
    return series


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("name", fleet_files.MAKERS)
def test_every_format_is_known_to_exactly_its_own_reader(tmp_path: Path, name: str) -> None:
    shape = shape_of(fleet_files.MAKERS[name](tmp_path))
    assert [reader.name for reader in READERS if reader.recognises(shape)] == [name]


@pytest.mark.parametrize("name", fleet_files.MAKERS)
def test_every_series_has_a_shipped_profile_known_metrics_and_rising_times(tmp_path: Path, name: str) -> None:
    profiles = shipped_profiles()
    for series in iter_dataset(fleet_files.MAKERS[name](tmp_path)):
        assert series.values.shape == (len(series), len(series.metrics))
        assert series.values.dtype == np.float64
        assert np.all(np.diff(series.event_time_ms) > 0)
        known = profiles[series.profile].metrics
        assert set(series.metrics) <= set(known) if name == "rt-iot2022" else list(series.metrics) == list(known)


def test_a_folder_of_all_formats_is_read_whole_and_says_what_it_passed_over(tmp_path: Path) -> None:
    for make in fleet_files.MAKERS.values():
        make(tmp_path)
    fleet_files.write(tmp_path / "eua/site.csv", "SITE_ID,LATITUDE,LONGITUDE\n1,2,3\n")
    fleet_files.write(tmp_path / "README.md", "not data\n")
    assert {series.dataset for series in iter_dataset(tmp_path)} >= {"nab", "skab", "kpi", "smd", "msl", "ton-iot", "packets"}
    assert [path.name for path in scan(tmp_path).unknown] == ["site.csv", "labeled_anomalies.csv"]


def test_nab_has_values_windows_and_probation(tmp_path: Path) -> None:
    series = only(fleet_files.nab(tmp_path))
    assert series.device == "nab-speed"
    assert series.profile == "nab-5min"
    assert series.event_time_ms[0] == ms("2015-08-31T18:00:00")
    assert np.array_equal(series.values[:, 0], [90, np.nan, 100, 7], equal_nan=True)
    assert series.label_windows == ((2, 4),)
    assert series.labels is not None
    assert series.labels.tolist() == [False, False, True, True]


def test_nab_without_labels_says_nothing_about_normality(tmp_path: Path) -> None:
    series = only(fleet_files.write(tmp_path / "lonely.csv", "timestamp,value\n2015-08-31 18:00:00,90\n"))
    assert series.labels is None


def test_skab_has_eight_sensors_and_labels(tmp_path: Path) -> None:
    series = only(fleet_files.skab(tmp_path))
    assert series.device == "skab-valve2-1"
    assert series.values[:, 6].tolist() == [230, 231, 232, 233, 234]
    assert series.labels is not None
    assert series.labels.tolist() == [False, False, False, True, True]


def test_kpi_has_labels_and_a_training_part(tmp_path: Path) -> None:
    series = only(fleet_files.kpi(tmp_path))
    assert series.profile == "kpi-1min"
    assert np.array_equal(series.values[:, 0], [35, np.nan, 36.5, 99], equal_nan=True)
    assert series.part("train").labels is not None
    assert len(series.part("train")) == len(series.part("test")) == 2


@pytest.mark.parametrize(("metrics", "profile", "interval"), [(38, "smd-server", 60.0), (19, "asd-server", 300.0)])
def test_machines_join_train_and_test_and_can_part_them(tmp_path: Path, metrics: int, profile: str, interval: float) -> None:
    series = only(fleet_files.machine(tmp_path, metrics))
    assert (series.profile, series.interval_seconds) == (profile, interval)
    assert np.all(np.diff(series.event_time_ms) == interval * 1000)
    test = series.part("test")
    assert test.values[0, 0] == pytest.approx(4 * metrics / 1000)
    assert test.labels is not None
    assert test.labels.tolist() == [False, True, False]
    assert test.train_rows == 0
    assert series.part("train").train_rows == len(series.part("train")) == 4


def test_msl_keeps_the_telemetry_and_labels_the_test_part(tmp_path: Path) -> None:
    series = only(fleet_files.msl(tmp_path))
    assert series.metrics == ("telemetry",)
    assert series.labels is not None
    assert series.labels.tolist() == [False, False, False, False, True, True, False]


def test_ton_iot_hides_every_leak_of_its_texts(tmp_path: Path) -> None:
    series = only(fleet_files.ton_iot_garage(tmp_path))
    assert series.metrics == ("door_state", "sphone_signal")
    assert series.values.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert series.labels is not None
    assert series.labels.tolist() == [False, False, True]
    assert series.classes is not None
    assert [series.class_names[code] for code in series.classes] == ["normal", "normal", "ddos"]


def test_ton_iot_rows_of_one_second_follow_each_other_by_a_millisecond(tmp_path: Path) -> None:
    series = only(fleet_files.ton_iot_garage(tmp_path))
    assert (series.event_time_ms - 1_554_203_357_000).tolist()[:2] == [0, 1]


def test_ton_iot_weather_takes_its_time_from_the_texts(tmp_path: Path) -> None:
    assert only(fleet_files.ton_iot_weather(tmp_path)).event_time_ms.tolist() == [ms("2019-04-26T00:33:16")]


def test_bitbrains_has_a_device_per_machine_in_seconds_and_in_order(tmp_path: Path) -> None:
    first, second = open_dataset(fleet_files.bitbrains(tmp_path))
    assert (first.device, second.device) == ("bitbrains-vm-0001", "bitbrains-vm-0009")
    assert second.event_time_ms.tolist() == [1_372_629_504_000, 1_372_629_804_000]
    assert second.values[:, 0].tolist() == [30, 0]


def test_planetlab_has_a_device_per_machine_on_the_day_of_its_file(tmp_path: Path) -> None:
    first, second = open_dataset(fleet_files.planetlab(tmp_path))
    assert first.event_time_ms[0] == ms("2011-03-03T00:00:00")
    assert second.values[:, 0].tolist() == [40, 50, 60]


def test_rt_iot_leaves_ports_out_and_turns_names_into_codes(tmp_path: Path) -> None:
    series = only(fleet_files.rt_iot(tmp_path))
    assert series.metrics == ("proto", "service", "flow_duration", "fwd_pkts_payload_min")
    assert series.values.tolist() == [[6, 5, 0.5, 0], [17, 0, 2, 1]]
    assert series.labels is not None
    assert series.labels.tolist() == [False, True]


def test_packets_become_readings_of_their_senders(tmp_path: Path) -> None:
    first, second = open_dataset(fleet_files.packets(tmp_path))
    assert (first.device, second.device) == ("packets-11", "packets-87971959760497")
    assert np.array_equal(first.values[0], [1500, 17, 1480, np.nan, -99], equal_nan=True)
    assert first.labels is not None
    assert first.labels.tolist() == [True]
    assert second.event_time_ms.tolist() == [1_584_273_599_000, 1_584_273_600_250]


@pytest.mark.parametrize("text", ["2020-03-15T12:00:00.250", "Mar 15, 2020 12:00:00.250000000 UTC"])
def test_packet_times_may_be_text(tmp_path: Path, text: str) -> None:
    quoted = f'"{text}"'
    path = fleet_files.write(tmp_path / "log.csv", f"{fleet_files.PACKET_HEADER}\n1,{quoted},60,1,2,3,4,6,40,0,1,2,-99,0\n")
    assert only(path).event_time_ms.tolist() == [1_584_273_600_250]


def test_a_row_without_any_value_stays_a_row(tmp_path: Path) -> None:
    path = fleet_files.write(tmp_path / "a.csv", "timestamp,value\n2020-01-01 00:00:00,\n2020-01-01 00:05:00,nan\n")
    assert np.isnan(only(path).values).all()
    assert len(only(path)) == 2


def test_a_part_of_a_series_cuts_windows_with_the_rows(tmp_path: Path) -> None:
    series = only(fleet_files.nab(tmp_path))
    assert series.rows(3, 9).label_windows == ((0, 1),)
    assert series.rows(0, 2).label_windows == ()
    assert len(series.rows(-5, 0)) == 0
