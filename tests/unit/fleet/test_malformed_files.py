"""A broken file is refused with its name, the row and what was expected; nothing else escapes."""

import sys
from pathlib import Path

import fleet_files
import numpy as np
import pytest

from tidegate.errors import DependencyError, InputError
from tidegate.fleet.readers import open_dataset

NAB = "timestamp,value\n2020-01-01 00:00:00,1\n"
TON = "ts,date,time,door_state,sphone_signal,label,type\n1,25-Apr-19,00:00:00,closed,0,0,normal\n"
PACKET = f"{fleet_files.PACKET_HEADER}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NAB + "2020-01-01 00:05:00,many\n", "row 3: value is 'many', expected a number"),
        (NAB + "2020-01-01 00:05:00,1,2\n", "row 3: 3 values, expected 2"),
        (NAB + "2020-01-01 00:05:00\n", "row 3: 1 values, expected 2"),
        (NAB + "2020-01-01 00:05:00,inf\n", "row 3: value is infinite"),
        (NAB + "2020-01-01 00:05:00,1e999\n", "row 3: value is infinite"),
        (NAB + "yesterday,1\n", "row 3: time is 'yesterday', expected an ISO 8601 time"),
        ("", "the file is empty"),
        ("   \n", "the file is empty"),
        ("a,b,c\n1,2,3\n", "no data of a known format"),
        (TON + "2,25-Apr-19,00:00:01,ajar,0,0,normal\n", "row 3: door_state is 'ajar', expected closed or open"),
        (TON + "x,25-Apr-19,00:00:01,open,0,0,normal\n", "row 3: ts is 'x', expected a number"),
        (TON + "-1,25-Apr-19,00:00:01,open,0,0,normal\n", "row 3: time is -1.0, expected seconds"),
        (TON + ",25-Apr-19,00:00:01,open,0,0,normal\n", "row 3: time is nan, expected seconds"),
        (TON + "2,25-Apr-19,00:00:01,open,0,2,normal\n", "row 3: label is '2', expected 0 or 1"),
        (PACKET + "1,1,60,1,2,3,4,6,40,0,1,2,-99,7\n", "row 2: normality is '7', expected 0 or"),
        (PACKET + "1,1,60,1,2,3,4,6,40,0,1,2,-99,\n", "row 2: normality is missing"),
        (fleet_files.SKAB_HEADER + "\n2020-03-01 15:44:00;a;0;0;0;0;0;0;0;0;0\n", "row 2: Accelerometer1RMS is 'a'"),
    ],
)
def test_broken_csv_is_refused_by_row(tmp_path: Path, text: str, expected: str) -> None:
    path = fleet_files.write(tmp_path / "broken.csv", text)
    with pytest.raises(InputError) as caught:
        open_dataset(path)
    assert expected in str(caught.value)
    assert "broken.csv" in str(caught.value)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = fleet_files.write(tmp_path / "twice.csv", f"{fleet_files.PACKET_HEADER},Value\n")
    with pytest.raises(InputError, match="twice"):
        open_dataset(path)


@pytest.mark.parametrize("name", ["broken.csv", "broken.npz", "broken.parquet"])
def test_bytes_that_are_no_file_of_the_kind_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x00garbage\n" * 10)
    with pytest.raises(InputError, match=name):
        open_dataset(tmp_path / name)


@pytest.mark.parametrize("name", ["broken.npz", "broken.parquet"])
def test_an_empty_binary_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=name):
        open_dataset(tmp_path)


@pytest.mark.parametrize("make", [fleet_files.machine, fleet_files.kpi])
def test_half_a_binary_file_is_refused(tmp_path: Path, make: object) -> None:
    assert callable(make)
    path = make(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=path.name):
        open_dataset(path)


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    path = fleet_files.machine(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[200] ^= 0xFF  # inside the first array: the archive's own checksum tells
    path.write_bytes(bytes(raw))
    with pytest.raises(InputError, match=path.name):
        open_dataset(path)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, train=np.array([{}], dtype=object), test=np.zeros((1, 38)), test_label=np.zeros(1))
    with pytest.raises(InputError, match="train"):
        open_dataset(path)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"train": np.zeros((2, 5)), "test": np.zeros((2, 5)), "test_label": np.zeros(2)}, "expected 38"),
        ({"train": np.zeros((2, 38)), "test": np.zeros((2, 38)), "test_label": np.zeros(3)}, "3 labels for 2 test rows"),
        ({"train": np.zeros(38), "test": np.zeros((2, 38)), "test_label": np.zeros(2)}, "expected numbers in 2 dimensions"),
        ({"train": np.zeros((2, 38)), "test": np.full((2, 38), np.inf), "test_label": np.zeros(2)}, "row 0: a value is infinite"),
        ({"train": np.array([["a"] * 38]), "test": np.zeros((2, 38)), "test_label": np.zeros(2)}, "expected numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], expected: str) -> None:
    np.savez(tmp_path / "odd.npz", **arrays)  # type: ignore[arg-type]  # numpy's stub takes its own keyword for one of them
    with pytest.raises(InputError, match=expected):
        open_dataset(tmp_path / "odd.npz")


def test_a_planetlab_file_must_be_named_by_its_day(tmp_path: Path) -> None:
    np.savez(tmp_path / "today.npz", cpu_percent=np.zeros((1, 3), np.uint8))
    with pytest.raises(InputError, match="expected its day as YYYYMMDD"):
        open_dataset(tmp_path / "today.npz")


def test_labels_that_do_not_fit_the_channel_are_refused(tmp_path: Path) -> None:
    path = fleet_files.msl(tmp_path)
    fleet_files.write(path.with_name("labeled_anomalies.csv"), 'chan_id,anomaly_sequences\nM-6,"[[1, 900]]"\n')
    with pytest.raises(InputError, match="labelled rows 1 to 900"):
        open_dataset(path)
    fleet_files.write(path.with_name("labeled_anomalies.csv"), "chan_id,anomaly_sequences\nM-6,soon\n")
    with pytest.raises(InputError, match=r"row 2: anomaly_sequences is 'soon'"):
        open_dataset(path)


def test_nab_windows_that_are_no_table_are_refused(tmp_path: Path) -> None:
    path = fleet_files.nab(tmp_path)
    fleet_files.write(tmp_path / "nab/labels/combined_windows.json", "[1, 2]")
    with pytest.raises(InputError, match=r"combined_windows\.json"):
        open_dataset(path)


def test_parquet_columns_of_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    path = fleet_files.write_parquet(tmp_path / "k.parquet", timestamp=[1, 2], value=["a", "b"])
    with pytest.raises(InputError, match="value"):
        open_dataset(path)
    path = fleet_files.write_parquet(tmp_path / "k.parquet", timestamp=[1, None], value=[1.0, 2.0])
    with pytest.raises(InputError, match="row 2: time is nan"):
        open_dataset(path)


def test_without_the_parquet_extra_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fleet_files.kpi(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"pip install 'tidegate\[parquet\]'"):
        open_dataset(path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_dataset(tmp_path / "nowhere")


def test_a_file_name_too_long_for_a_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rename the file"):
        open_dataset(fleet_files.write(tmp_path / f"{'x' * 200}.csv", NAB))
