"""The study of models: one rule for all, nobody sees what it is judged on, and the figures say what was measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tidegate.adapters.bundles import shipped_bundles
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.series import Series as Recording
from tidegate_training.data.splits import split
from tidegate_training.data.synthetic import small_series
from tidegate_training.evaluate.events import EventCounts
from tidegate_training.evaluate.figures import SeriesOutcome
from tidegate_training.evaluate.models.budget import QUICK, Budget
from tidegate_training.evaluate.models.contenders import AUTOENCODER, CONTENDERS, PLAIN
from tidegate_training.evaluate.models.fitting import Stopwatch
from tidegate_training.evaluate.models.judging import surprises, trailing_mean
from tidegate_training.evaluate.models.page import draw, notes
from tidegate_training.evaluate.models.study import EACH, SMOOTH, Material, over_states, run_study
from tidegate_training.models.autoencoder import Autoencoder
from tidegate_training.models.cells import CELLS


def recording(name: str, rows: int = 400) -> Recording:
    """Two metrics of waves and noise; twenty labelled readings at the end of the test part jump up and down."""
    random = np.random.default_rng(len(name))
    values = np.sin(np.arange(rows)[:, None] / [9.0, 14.0]) + 0.1 * random.normal(size=(rows, 2))
    labels = np.zeros(rows, np.bool_)
    labels[rows - 60 : rows - 40] = True
    values[labels] += 5.0 * random.choice([-1.0, 1.0], (20, 2))
    values[30, 1] = np.nan
    return Recording(
        "made",
        DeviceId(name),
        ProfileName("msl-channel"),
        60.0,
        1_700_000_000_000 + 60_000 * np.arange(rows),
        (MetricName("a"), MetricName("b")),
        values,
        labels,
        train_rows=rows // 2,
    )


@pytest.fixture(scope="module")
def material() -> Material:
    return Material(split(small_series(), 0.15, 7), [recording("one"), recording("second")])


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return (shipped_bundles() / "universal" / "1" / "model.onnx").read_bytes()


@pytest.fixture(scope="module")
def figures(material: Material) -> dict:
    return run_study(material, QUICK, [PLAIN, AUTOENCODER])


def test_every_contender_is_a_cell_there_is_or_the_autoencoder() -> None:
    assert {one.cell for one in CONTENDERS.values()} == {*CELLS, AUTOENCODER}


def test_a_jump_surprises_a_forecaster_and_the_company_of_other_series_does_not_matter(shipped: bytes) -> None:
    both = [recording("one"), recording("second", rows=300)]
    found = surprises(shipped, both)
    assert [len(one) for one in found] == [400, 300]
    alone = surprises(shipped, both[1:])[0]
    np.testing.assert_array_equal(found[1], alone)
    marked = both[0].labels
    assert np.nanmean(found[0][marked]) > 3.0 * np.nanmean(found[0][~marked])


def test_a_surprise_depends_on_no_later_reading(shipped: bytes) -> None:
    whole = recording("one")
    np.testing.assert_array_equal(surprises(shipped, [whole.rows(0, 250)])[0], surprises(shipped, [whole])[0][:250])


def test_the_mean_of_the_last_readings_passes_over_unknown_ones() -> None:
    assert trailing_mean(np.array([1.0, np.nan, 3.0, 5.0]), 2).tolist() == [1.0, 1.0, 3.0, 4.0]
    assert np.isnan(trailing_mean(np.array([np.nan, 2.0]), 2)[0])


def test_random_states_are_put_together_by_series() -> None:
    states = [
        SeriesOutcome("made", "one", PLAIN, vus, EventCounts(events=1, detected=found)) for vus, found in ((0.2, 0), (0.4, 1))
    ]
    (one,) = over_states([*states])
    assert one.vus == pytest.approx(0.3)
    assert (one.counts.events, one.counts.detected) == (2, 1)


def test_the_figures_name_what_each_model_sees_costs_and_finds(figures: dict) -> None:
    assert figures["readings_trained_on"] == QUICK.readings == 512
    for way in (EACH, SMOOTH):
        assert {PLAIN, AUTOENCODER, "shipped bundle", "random", "EWMA", "AR"} == set(figures[way]["accuracy"])
        assert all(0.0 <= row["vus_pr"] <= 1.0 for row in figures[way]["accuracy"].values())
    assert figures["held_out"][PLAIN]["pinball_units"] > 0.0
    assert np.isnan(figures["held_out"][AUTOENCODER]["pinball_units"])
    cost = figures["cost"][PLAIN]
    assert np.isnan(cost["training_cpu_s_10k"])  # never came so far
    assert cost["training_cpu_s_1m_extrapolated"] > 0.0
    assert cost["latency_us_batch_256"] > cost["latency_us_batch_1"] > 0.0


def test_the_page_says_estimate_where_nothing_was_measured(figures: dict, tmp_path: Path) -> None:
    text = " ".join(notes(Budget()))
    assert "No power was measured" in text
    assert "extrapolated" in text
    for name in draw(figures, tmp_path, "models"):
        assert (tmp_path / name).read_text().startswith("<?xml")


def test_what_cannot_be_studied_is_refused(material: Material) -> None:
    with pytest.raises(InputError, match="no model named GAN"):
        run_study(material, QUICK, ["GAN"])
    with pytest.raises(InputError, match="no labelled series"):
        run_study(replace(material, labelled=[]), QUICK, [PLAIN])


def test_a_stopwatch_counts_no_pause_between_epochs() -> None:
    watch = Stopwatch()
    for epoch in (0, 0, 0, 1, 1):
        watch.on_update(epoch, 0.0)
    assert len(watch.seconds) == 3


def test_the_autoencoder_is_surprised_by_a_shape_it_was_not_trained_on() -> None:
    torch.manual_seed(0)
    model = Autoencoder(16)
    usual = torch.sin(torch.arange(128.0) / 3.0).repeat(64, 1) + 0.05 * torch.randn(64, 128)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        model.error(usual).mean().backward()
        optimiser.step()
    with torch.no_grad():
        assert model.error(-usual).mean() > 5.0 * model.error(usual).mean()
