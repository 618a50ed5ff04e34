"""What the study says of its runs: figures by hand, and which orderings hold."""

import numpy as np
from irap_cases import SMALL

from tidegate_training.study.irap.herd import price
from tidegate_training.study.irap.optimum import optimal_genes
from tidegate_training.study.irap.search import Found
from tidegate_training.study.irap.study import Run, orderings, resource_cost, solver_figures


def test_figures_of_a_solver_are_those_of_its_runs():
    best = optimal_genes(SMALL)
    optimum, owned = float(price(SMALL, best[None]).cost[0]), resource_cost(SMALL, best)
    runs = [Run(Found(best, optimum * times, 0.0, 10), owned * times, 0.5, 2.0) for times in (1.1, 1.3)]
    figures = solver_figures(SMALL, best, runs)
    assert np.isclose(figures["best"], 1.1 * optimum)
    assert np.isclose(figures["mean"], 1.2 * optimum)
    assert np.isclose(figures["std"], optimum * 0.1 * 2**0.5)
    assert np.isclose(figures["gap_percent_mean"], 20)
    assert np.isclose(figures["resource_gap_percent_mean"], 20)
    assert (figures["evaluations"], figures["seconds_mean"], figures["fullest_gateway_mean"]) == (10, 2.0, 0.5)


def test_a_resources_part_pays_for_what_is_above_capacity():
    crowded = np.concatenate([[1, 0, 0, 0], np.zeros(7)]).astype(np.int16)
    above = SMALL.resources - SMALL.capacity
    assert resource_cost(SMALL, crowded) == SMALL.access[0].sum() + SMALL.penalty * above


def test_an_ordering_is_counted_by_data_set_and_names_where_it_does_not_hold():
    found = orderings(_figures(), ["DS1", "DS4", "DS5"])
    assert found["ga, seira and woa tie"] == {"holds": 1, "of": 1, "not on": []}
    assert found["woa ≤ ga"] == {"holds": 1, "of": 2, "not on": ["DS5"]}
    assert found["clustering lowers the first generation"]["of"] == 3
    assert found["clustering lowers the final"] == {"holds": 1, "of": 2, "not on": ["DS5"]}
    assert found["more rounds beat more whales"] == {"holds": 1, "of": 2, "not on": ["DS5"]}


def _figures():
    def solvers(ga, seira, woa):
        costs = {"ga": ga, "seira": seira, "woa": woa, "woa_random_start": woa}
        return {name: {"best": cost, "mean": cost} for name, cost in costs.items()}

    starts = {"clustered_first": 5.0, "random_first": 6.0, "clustered_final": 1.0, "random_final": 2.0}
    return {
        "DS1": solvers(1.0, 1.0, 1.0),
        "DS4": solvers(3.0, 2.0, 1.0),
        "DS5": solvers(1.0, 1.0, 2.0),
        "clustering": {"DS1": starts, "DS4": starts, "DS5": starts | {"clustered_final": 2.0}},
        "whales_against_rounds": {
            "DS1": {"1 rounds": {"mean": 3.0}, "10 rounds": {"mean": 2.0}},
            "DS5": {"1 rounds": {"mean": 2.0}, "10 rounds": {"mean": 3.0}},
        },
    }
