"""Series, splits, lanes and provenance: what training is shown, and what it must never see."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tidegate.contracts.forecast import HORIZONS
from tidegate.errors import InputError
from tidegate.fleet.readers import bitbrains
from tidegate_training.data.lanes import LaneBatcher, LaneSource, lane_of
from tidegate_training.data.provenance import describe
from tidegate_training.data.series import Series, on_grid
from tidegate_training.data.sources import DATASETS, read_all
from tidegate_training.data.splits import split
from tidegate_training.data.synthetic import small_series
from tidegate_training.settings import SMOKE


def test_readings_are_snapped_to_cells_and_what_lies_between_is_unknown() -> None:
    seconds = np.array([1000.0, 1300.0, 1601.0, 2500.0, 2800.0, 3100.0])
    values, interval, start = on_grid(seconds, np.arange(6.0))
    assert (interval, start) == (300.0, 1000.0)
    np.testing.assert_array_equal(values, [0, 1, 2, np.nan, np.nan, 3, 4, 5])


def test_unordered_readings_are_put_in_order_and_the_last_of_one_cell_wins() -> None:
    values, _, _ = on_grid(np.array([60.0, 0.0, 120.0, 120.0]), np.array([1.0, 0.0, 2.0, 9.0]))
    np.testing.assert_array_equal(values, [0, 1, 9])


def test_a_stray_time_in_the_far_future_does_not_make_a_huge_grid() -> None:
    values, _, _ = on_grid(np.array([0.0, 60.0, 120.0, 4e12]), np.arange(4.0), longest_cells=1000)
    assert len(values) == 3


def test_a_single_reading_is_a_grid_of_one_cell() -> None:
    values, interval, start = on_grid(np.array([5.0]), np.array([7.0]))
    assert (values.tolist(), interval, start) == ([7.0], 1.0, 5.0)


def test_held_out_groups_and_times_share_no_value_with_training() -> None:
    parts = split(small_series(), 0.2, random_state=3)
    assert {one.group for one in parts.train}.isdisjoint(one.group for one in parts.unseen)
    assert parts.unseen
    whole = {(one.group, one.name): one for one in small_series()}
    for early, late in zip(parts.train, parts.later, strict=True):
        both = np.concatenate([early.values, late.values])
        np.testing.assert_array_equal(both, whole[early.group, early.name].values)
        assert late.start == early.start + len(early.values) * early.interval_seconds


def test_the_split_is_the_same_for_every_order_of_the_series() -> None:
    series = small_series()
    groups = {one.group for one in split(series, 0.2, 3).unseen}
    assert groups == {one.group for one in split(series[::-1], 0.2, 3).unseen}


def test_targets_are_the_values_ahead_whatever_the_model_was_shown() -> None:
    values = np.arange(100.0)
    read = np.ones(100, bool)
    read[10:20] = False
    hidden = np.zeros(100, bool)
    hidden[30] = True
    lane = lane_of(values, read, hidden)
    assert len(lane) == 90
    assert lane.dt[10] == 11.0
    assert (lane.mask[20], lane.x[20]) == (0.0, 0.0)
    np.testing.assert_array_equal(lane.targets[9], [9 + h for h in HORIZONS])
    assert np.isnan(lane.targets[-1]).all()


def test_a_short_hole_is_readings_without_a_value_and_a_long_one_a_gap() -> None:
    values = np.arange(40.0)
    values[5:7] = np.nan
    values[20:30] = np.nan
    lane = lane_of(values)
    assert lane.mask[5:7].tolist() == [0.0, 0.0]
    assert len(lane) == 40 - 7
    assert lane.dt.max() == 8.0


def test_windows_carry_lanes_on_and_say_where_one_starts_afresh() -> None:
    settings = replace(SMOKE, lanes=4, window=16, lane_readings=100)
    batcher = LaneBatcher(LaneSource(small_series(), settings), settings, np.random.default_rng(1))
    first = batcher.next()
    assert first.reset.all()
    windows = [batcher.next() for _ in range(60)]
    resets = np.stack([window.reset for window in windows])
    assert resets.any(axis=0).all()
    assert not resets.all(axis=1).any()
    assert first.x.shape == (16, 4)
    assert all(np.isfinite(window.x).all() for window in windows)


def test_lanes_are_the_same_for_the_same_random_state() -> None:
    source = LaneSource(small_series(), SMOKE)
    a, b = (LaneBatcher(source, SMOKE, np.random.default_rng(5)).next() for _ in range(2))
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.dt, b.dt)


def test_the_data_hash_changes_with_any_value_and_not_with_the_order() -> None:
    series = small_series()
    changed = series[0].values.copy()
    changed[17] += 1e-9
    before = describe(series)[0]
    assert describe(series[::-1])[0] == before
    assert describe([replace(series[0], values=changed), *series[1:]])[0].sha256 != before.sha256
    assert (before.series, before.rows, before.start) == (13, 13 * 1200, "2023-11-14T22:13:20+00:00")


def test_unknown_cells_are_not_counted_as_rows() -> None:
    assert Series("d", "g", "n", np.array([1.0, np.nan, 2.0]), 60.0).rows == 2


def write_data_sets(folder: Path) -> None:
    """A small folder of each data set, in its own format; what is for evaluation is 99."""
    for name in ("nab/data/group", "aiops_kpi", "smd", "bitbrains"):
        (folder / name).mkdir(parents=True)
    rows = "\n".join(f"2014-04-01 00:{5 * i:02}:00,{i}" for i in range(6))
    (folder / "nab/data/group/art.csv").write_text(f"timestamp,value\n{rows}\n")
    kpi = {
        "timestamp": [60 * i for i in range(4)],
        "value": [0.0, 1.0, 99.0, 99.0],
        "label": [0] * 4,
        "part": ["train"] * 2 + ["test"] * 2,
    }
    parquet.write_table(pyarrow.table(kpi), folder / "aiops_kpi/one.parquet")
    train, test = np.tile(np.arange(5.0, dtype=np.float32)[:, None], 38), np.full((5, 38), 99.0, np.float32)
    np.savez(folder / "smd/machine-1-1.npz", train=train, test=test, test_label=np.zeros(5))
    usage = {column: [1.0, 2.0, 3.0] for column in bitbrains.METRICS}
    parquet.write_table(pyarrow.table({"vm": [7] * 3, bitbrains.TIME: [0, 300, 600]} | usage), folder / "bitbrains/rnd.parquet")


def test_all_data_sets_are_read_and_what_is_for_evaluation_is_not(tmp_path: Path) -> None:
    write_data_sets(tmp_path)
    series = read_all(tmp_path)
    counts = {name: sum(one.dataset == name for one in series) for name in DATASETS}
    assert counts == {"nab": 1, "aiops_kpi": 1, "smd": 38, "bitbrains": 6}
    assert max(np.nanmax(one.values) for one in series) < 99.0
    assert {one.interval_seconds for one in series} == {60.0, 300.0}


def test_a_folder_without_the_data_sets_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nab"):
        read_all(tmp_path)
