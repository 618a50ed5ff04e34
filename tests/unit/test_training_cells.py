"""The cells beside the plain LSTM: what each is at its simplest, that none runs away, and that the graph keeps its promises."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tidegate.errors import ConfigurationError
from tidegate_training import checks, export
from tidegate_training.models.anndra import PROJECTED, REMEMBERED, TERMS, AnndraForecaster
from tidegate_training.models.cells import CELLS, build
from tidegate_training.models.forecaster import Forecaster, UniversalForecaster
from tidegate_training.models.peephole import PeepholeForecaster
from tidegate_training.models.ring import pushed, slots
from tidegate_training.models.running_scale import FEATURES
from tidegate_training.settings import SMOKE

HIDDEN = 8


def made(cell: str, without: str = "", deviation: float = 0.5) -> Forecaster:
    """A cell whose weights are far larger than any it starts with: what it may do at worst."""
    torch.manual_seed(1)
    model = build(replace(SMOKE, cell=cell, without=without))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:  # what is left out stays at zero
                parameter.normal_(std=deviation)
    return model.eval()


@torch.no_grad()
def memories(model: Forecaster, steps: int, rows: int = 6) -> Tensor:
    """Memory [steps, rows, width] over features of the size real ones have."""
    generator, memory, found = torch.Generator().manual_seed(2), model.fresh(rows)[1], []
    for _ in range(steps):
        memory = model.advance(2.0 * torch.randn(rows, FEATURES, generator=generator), memory, torch.ones(rows, 1))
        found.append(memory)
    return torch.stack(found)


def test_peepholes_at_zero_are_the_plain_lstm() -> None:
    torch.manual_seed(3)
    plain = UniversalForecaster(HIDDEN, HIDDEN)
    torch.manual_seed(3)
    peephole = PeepholeForecaster(HIDDEN, HIDDEN)
    torch.testing.assert_close(memories(peephole, 20), memories(plain, 20))
    with torch.no_grad():
        peephole.peepholes.fill_(0.3)
    assert (memories(peephole, 20) - memories(plain, 20)).abs().max() > 0.01


def test_the_anndra_cell_stays_within_two_whatever_its_weights() -> None:
    model = made("anndra", deviation=5.0)
    cells = memories(model, 300)[:, :, HIDDEN : 2 * HIDDEN]
    assert 1.0 < cells.abs().max() <= 2.0


def test_equation_13_as_printed_runs_away_where_the_bounded_form_does_not() -> None:
    """Why the cell is not built as printed."""
    generator = torch.Generator().manual_seed(0)
    cell = torch.randn(64, generator=generator)
    for _ in range(10):
        kurtosis, skewness = torch.randn(2, 64, generator=generator)
        cell = 0.9 * cell + 0.1 + kurtosis * cell**2 + skewness * cell**3
    assert not torch.isfinite(cell).all()


@pytest.mark.parametrize("term", [term for term in TERMS if term != "information"])
def test_each_term_of_the_anndra_cell_changes_the_forecast_and_can_be_left_out(term: str) -> None:
    whole, less = made("anndra"), made("anndra", without=term)
    with torch.no_grad():
        outcomes = [model.output(memories(model, 40)[-1]) for model in (whole, less)]
    assert outcomes[0].shape != outcomes[1].shape or not torch.equal(*outcomes)
    count = {
        name: sum(one.numel() for one in model.parameters() if one.requires_grad) for name, model in (("w", whole), ("l", less))
    }
    assert count["l"] < count["w"]


def test_without_attention_a_row_carries_no_ring() -> None:
    assert made("anndra").memory_width - made("anndra", without="attention").memory_width == REMEMBERED * PROJECTED


def test_the_ring_forgets_the_oldest_output_after_sixteen_readings() -> None:
    model = made("anndra")
    ring = memories(model, 40)[:, :, 2 * HIDDEN :]
    assert torch.equal(slots(ring[20], PROJECTED)[:, 0], slots(ring[5], PROJECTED)[:, -1])


def test_a_ring_drops_its_oldest_entry() -> None:
    ring = torch.arange(6.0)[None]
    assert pushed(ring, torch.tensor([[8.0, 9.0]])).tolist() == [[2.0, 3.0, 4.0, 5.0, 8.0, 9.0]]


def test_the_critic_learns_to_tell_a_rows_own_past_from_others() -> None:
    torch.manual_seed(0)
    model = AnndraForecaster(HIDDEN, HIDDEN)
    memory = torch.zeros(16, model.memory_width)
    memory[:, :HIDDEN] = torch.randn(16, HIDDEN)
    memory[:, 2 * HIDDEN :] = torch.tanh(memory[:, :HIDDEN]).repeat(1, REMEMBERED)  # a row's past resembles its present
    optimiser = torch.optim.Adam(model.critic.parameters(), lr=0.1)
    losses = []
    for _ in range(40):
        loss = model.auxiliary(memory)
        assert loss is not None
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_only_a_critic_that_is_there_and_asked_for_has_a_loss_of_its_own() -> None:
    memory = torch.zeros(4, made("anndra").memory_width)
    assert made("anndra").auxiliary(memory) is not None
    for cell, without in (("anndra", "information"), ("anndra", "attention"), ("plain", ""), ("transformer", "")):
        model = made(cell, without)
        assert model.auxiliary(torch.zeros(4, model.memory_width)) is None


def test_unknown_cells_and_terms_are_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="'mamba'"):
        build(replace(SMOKE, cell="mamba"))
    with pytest.raises(ConfigurationError, match="no term named entropy"):
        build(replace(SMOKE, cell="anndra", without="kurtosis,entropy"))
    with pytest.raises(ConfigurationError, match="no terms to leave out"):
        build(replace(SMOKE, without="kurtosis"))


@pytest.mark.parametrize("cell", CELLS)
def test_a_gap_fades_what_a_cell_remembers_and_a_long_one_clears_it(cell: str) -> None:
    model = made(cell)
    features, memory = torch.randn(6, FEATURES), memories(model, 40)[-1]
    with torch.no_grad():
        after, fresh = (model.advance(features, one, torch.zeros(6, 1)) for one in (memory, torch.zeros_like(memory)))
        assert torch.equal(after, fresh)
        assert not torch.equal(model.advance(features, memory, torch.ones(6, 1)), fresh)


@pytest.mark.parametrize("cell", ["anndra", "transformer"])  # each training run checks its own
def test_an_exported_cell_agrees_with_torch_knows_no_batch_and_stays_bounded(cell: str, tmp_path: Path) -> None:
    model, path = made(cell, deviation=0.3), tmp_path / "model.onnx"
    export.export_graph(model, path)
    assert checks.parity(model, path, checks.hard_readings(60, 8)) <= checks.PARITY_LIMIT
    assert checks.batch_differences(path, checks.hard_readings(2, 130)) == 0
    assert checks.long_run(path, checks.hard_readings(200, 4), 400) < checks.STATE_LIMIT
    assert export.state_tensors(model)[1].width == model.memory_width
