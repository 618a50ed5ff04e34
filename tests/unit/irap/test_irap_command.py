"""`tidegate evaluate irap`: figures by data set and solver, a page with its plots, and refusals before any work."""

from typer.testing import CliRunner

from tidegate.errors import DependencyError, InputError
from tidegate_training.evaluate import commands, results, running
from tidegate_training.study.irap.study import SOLVERS

PROMISED = {"best", "mean", "std", "gap_percent_mean", "evaluations", "seconds_mean"}


def test_a_small_study_writes_figures_page_and_plots(tmp_path):
    out = tmp_path / "irap.json"
    options = ["--datasets", "DS1", "--datasets", "DS4", "--random-states", "2", "--evaluations", "1000"]
    done = CliRunner().invoke(commands.app, ["irap", "--out", str(out), *options], catch_exceptions=False)
    assert done.exit_code == 0
    figures = results.read(out).figures
    for name in ("DS1", "DS4"):
        assert figures[name]["optimum"] > 0
        assert figures[name].keys() == {"optimum", *SOLVERS}
        for solver in SOLVERS:
            assert figures[name][solver].keys() > PROMISED
            assert figures[name][solver]["best"] >= figures[name]["optimum"]
    page = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "### DS4, each" in page
    assert all((tmp_path / plot).exists() for plot in ("irap-gap.svg", "irap-rounds.svg") if f"]({plot})" in page)
    assert page.count(".svg)") == 2


def test_a_study_from_one_random_state_has_no_deviation(tmp_path):
    out = tmp_path / "irap.json"
    options = ["--datasets", "DS1", "--random-states", "1", "--evaluations", "300"]
    CliRunner().invoke(commands.app, ["irap", "--out", str(out), *options], catch_exceptions=False)
    assert results.read(out).figures["DS1"]["ga"]["std"] is None


def test_an_unknown_data_set_is_refused_and_nothing_is_written(tmp_path):
    out = tmp_path / "irap.json"
    done = CliRunner().invoke(commands.app, ["irap", "--out", str(out), "--datasets", "DS9"])
    assert isinstance(done.exception, InputError)
    assert not out.exists()


def test_without_the_extra_the_command_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "find_spec", lambda library: None)
    done = CliRunner().invoke(commands.app, ["irap", "--out", str(tmp_path / "out.json")])
    assert isinstance(done.exception, DependencyError)
