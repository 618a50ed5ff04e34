"""`tidegate evaluate planner`: the promised figures, a page with its plots, and refusals before any work."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.problem import problem_of
from tidegate.errors import DependencyError, InputError, TidegateError
from tidegate_training.evaluate import commands, results
from tidegate_training.study.planner import solvers, study, trials, trouble
from tidegate_training.study.planner.sites import Shape, random_site
from tidegate_training.study.planner.trouble import Known, trouble_figures

PROMISED = {
    "uniform_100x800_seconds_to_1pct",
    "four_resource_100x800_gap",
    "four_resource_100x800_highs_gap",
    "full_100k_seconds",
    "repair_10k_ms",
    "n1_sweep_seconds",
}


def test_a_quick_study_writes_the_promised_figures_a_page_and_plots(tmp_path):
    out = tmp_path / "planner.json"
    options = ["--quick", "--rivals", "greedy", "--rivals", "highs", "--random-states", "2", "--seconds", "2"]
    done = CliRunner().invoke(commands.app, ["planner", "--out", str(out), *options], catch_exceptions=False)
    assert done.exit_code == 0
    made = results.read(out)
    assert made.figures.keys() > PROMISED
    assert all(name in made.command for name in ("--quick", "--rivals highs", "--seconds 2"))
    for solvers_met in made.figures["duels"].values():
        assert solvers_met["planner"]["unserved_most"] == 0
        assert -1e-6 <= solvers_met["planner"]["gap"] <= solvers_met["greedy"]["gap"]
        in_time = [gap for gap in (solvers_met["highs"]["gap"], solvers_met["highs"]["links_gap"]) if gap is not None]
        assert all(gap >= -1e-6 for gap in in_time)
    for told in made.figures["trouble"].values():
        assert told["least"] - 1e-6 <= told["planner"] <= told["greedy"] <= told["before"]
        assert told["least"] - 1e-6 <= told["highs"]
    page = out.with_suffix(".md").read_text(encoding="utf-8")
    assert all(f"]({plot})" in page and (tmp_path / plot).exists() for plot in ("planner-scaling.svg", "planner-gaps.svg"))


def test_without_the_extra_cp_sat_names_what_to_install_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(solvers, "find_spec", lambda library: None)
    out = tmp_path / "planner.json"
    done = CliRunner().invoke(commands.app, ["planner", "--out", str(out), "--quick"])
    assert isinstance(done.exception, DependencyError)
    assert "tidegate[exact]" in done.exception.advice
    assert not out.exists()


def test_an_unknown_rival_is_refused(tmp_path):
    done = CliRunner().invoke(commands.app, ["planner", "--out", str(tmp_path / "out.json"), "--quick", "--rivals", "oracle"])
    assert isinstance(done.exception, InputError)


def test_both_exact_solvers_find_the_same_optimum_of_a_small_site():
    case = trials.case_of(Shape(4, 16, 4, 2, fullness=0.6), 0)
    found = {name: trials.rivalled(case, solvers.RIVALS[name], 20.0) for name in ("highs", "cp-sat")}
    assert found["highs"].gap == pytest.approx(found["cp-sat"].gap, abs=2e-4)
    assert found["highs"].links_gap == pytest.approx(found["cp-sat"].links_gap, abs=2e-4)


def test_the_bound_is_below_every_assignment_and_met_where_everyone_gets_the_cheapest_link():
    case = trials.case_of(Shape(5, 30, 5, 2, fullness=0.2), 3)
    cheapest = np.minimum.reduceat(case.problem.reach.cost_per_hour, case.problem.reach.first[:-1]).sum()
    assert case.links_bound == pytest.approx(cheapest)
    assert trials.planned(case).gap >= 0.0


@pytest.mark.parametrize("wrong", ["over capacity", "beyond reach"])
def test_an_unlawful_answer_is_no_result(wrong):
    case = trials.case_of(Shape(5, 30, 2, 1), 0)
    where = np.full(30, NOWHERE, np.int64)
    if wrong == "over capacity":
        at_first = case.problem.reach.device[case.problem.reach.gateway == 0]
        case.problem.capacity[0] = 0.0
        where[at_first] = 0
    else:
        reached = case.problem.reach.gateway[: case.problem.reach.first[1]]
        where[0] = next(gateway for gateway in range(5) if gateway not in reached)
    with pytest.raises(TidegateError, match=wrong.split()[-1]):
        trials.judged(case, where, 0.0)


def test_headlines_admit_a_goal_that_is_missed():
    planner = {"seconds": 0.1, "gap": 0.02, "links_gap": 0.008, "links_gap_most": 0.011}
    duels = {study.UNIFORM: {"planner": planner}, study.FOUR: {"planner": planner}}
    found = study.headlines(duels, {"milliseconds": 1.0}, {"plan_seconds": 1.0, "n1_seconds": 1.0})
    assert np.isnan(found["uniform_100x800_seconds_to_1pct"])
    assert np.isnan(found["four_resource_100x800_highs_gap"])


@pytest.mark.timeout(120)
def test_crowded_sites_in_trouble_leave_a_tenth_of_what_single_moves_leave_and_never_less_than_was_proven():
    found = trouble_figures(Shape(12, 90, 4, 2, fullness=0.85, mixed=1.0), 4, 10.0, lambda *_: None)
    for told in found.values():
        assert told["before"] >= told["greedy"] > told["least"]
        assert told["least"] - 1e-6 <= told["planner"] <= told["least"] + (told["greedy"] - told["least"]) / 10


def test_what_is_said_to_be_least_is_what_the_best_of_all_assignments_leaves():
    """Two devices of .6 and one of .4 on two gateways, one of which drains: one place for .6 and .4, or for one of .6."""
    request = random_site(Shape(2, 3, 2, 1), 0)
    now = replace(request.situation, demand=[[0.6], [0.6], [0.4]], assigned=["g1", "g0", "g0"], draining=["g0"])
    name, told = "a gateway drains", trouble.TROUBLES
    assert told[name].known(problem_of(replace(request, situation=now)), 10.0) == Known(1.0, 1.0)
    grown = problem_of(replace(request, situation=replace(now, draining=[])))
    assert told["two are asked for 30 % more"].known(grown, 10.0) == Known(0.0, 0.0)
