"""What training does with series nobody would wish for: it learns from the rest, or says in a line what is missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tidegate.adapters.bundles import shipped_bundles
from tidegate.errors import InputError
from tidegate_training.bundle import read_manifest
from tidegate_training.data.lanes import lane_of
from tidegate_training.data.series import Series, on_grid
from tidegate_training.data.splits import split
from tidegate_training.data.synthetic import small_series
from tidegate_training.quality import judge
from tidegate_training.report.page import NOTHING_JUDGED, write_report
from tidegate_training.settings import SMOKE
from tidegate_training.train import Run, Trained, train

SETTINGS = replace(SMOKE, epochs=1, updates_per_epoch=4, validation_readings=200)
WEEK_OF_MINUTES = 7 * 24 * 60


def irregular(random: np.random.Generator) -> np.ndarray:
    """Readings half a minute to five minutes apart, as a grid of minutes with holes."""
    seconds = np.cumsum(random.choice([30.0, 60.0, 60.0, 61.0, 300.0], 1200))
    return on_grid(seconds, random.normal(size=1200))[0]


def gap_of_weeks(random: np.random.Generator) -> np.ndarray:
    minutes = np.concatenate([np.arange(600.0), 3 * WEEK_OF_MINUTES + np.arange(600.0)])
    return on_grid(60.0 * minutes, random.normal(size=1200))[0]


def huge(random: np.random.Generator) -> np.ndarray:
    values = random.normal(size=1200)
    values[::50] = random.choice([1e300, -1e300, np.inf, -np.inf], 24)
    return values


BAD = {
    "constant": lambda random: np.full(1200, 5.0),
    "all missing": lambda random: np.full(1200, np.nan),
    "one sample": lambda random: np.array([7.0]),
    "no sample": lambda random: np.array([]),
    "huge values": huge,
    "irregular intervals": irregular,
    "gap of weeks": gap_of_weeks,
}


def series_of(kind: str) -> list[Series]:
    """Three groups of nothing but series of this kind."""
    random = np.random.default_rng(0)
    return [Series("bad", f"group-{i}", kind, BAD[kind](random), 60.0) for i in range(3)]


def trained(series: list[Series], folder: Path) -> Trained:
    return train(split(series, SETTINGS.held_out_ratio, SETTINGS.random_state), SETTINGS, Run(folder / "checkpoint.pt"))


def test_bad_series_among_good_ones_do_no_harm(tmp_path: Path) -> None:
    bad = [one for kind in BAD for one in series_of(kind)]
    losses = trained([*small_series(), *bad], tmp_path)
    assert np.isfinite([*losses.train_losses, *losses.held_out_losses]).all()


@pytest.mark.parametrize("kind", ["huge values", "irregular intervals", "gap of weeks"])
def test_series_that_move_can_be_trained_on_alone(kind: str, tmp_path: Path) -> None:
    losses = trained(series_of(kind), tmp_path)
    assert np.isfinite([*losses.train_losses, *losses.held_out_losses]).all()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("constant", "is not constant"),
        ("all missing", "to train on has 64 values"),
        ("one sample", "to train on has 64 values"),
        ("no sample", "to train on has 64 values"),
    ],
)
def test_series_nothing_can_be_learned_from_are_an_error_that_says_so(kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        trained(series_of(kind), tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_without_any_series_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 0 series"):
        trained([], tmp_path)


def test_a_gap_of_weeks_is_one_step_of_so_many_intervals() -> None:
    lane = lane_of(gap_of_weeks(np.random.default_rng(0)))
    assert len(lane) < 1300
    assert lane.dt.max() > 3 * WEEK_OF_MINUTES - 610


def test_where_no_lane_can_be_judged_the_report_says_so(tmp_path: Path) -> None:
    parts = split(series_of("irregular intervals"), SETTINGS.held_out_ratio, SETTINGS.random_state)
    assert judge(tmp_path / "no-model.onnx", parts, 0) == []
    run = train(parts, SETTINGS, Run(tmp_path / "checkpoint.pt"))
    write_report(tmp_path / "report.html", read_manifest(shipped_bundles() / "universal" / "1"), run, [], {})
    assert NOTHING_JUDGED in (tmp_path / "report.html").read_text()
