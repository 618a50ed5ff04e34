"""Every solver: lawful, never below the optimum, within its budget, the same for the same random state."""

import numpy as np
import pytest

from tidegate_training.study.irap.herd import price
from tidegate_training.study.irap.instance import make_instance
from tidegate_training.study.irap.optimum import optimal_genes
from tidegate_training.study.irap.start import clustered_start, random_start
from tidegate_training.study.irap.study import SOLVERS
from tidegate_training.study.irap.whales import whales

SEARCHES = pytest.mark.parametrize("solver", SOLVERS)


@SEARCHES
@pytest.mark.parametrize("name", ["DS1", "DS4"])
def test_what_a_solver_finds_is_lawful_priced_rightly_and_not_below_the_optimum(solver, name):
    instance = make_instance(name)
    found = SOLVERS[solver](instance, evaluations=3_000, random_state=1)
    herd = price(instance, found.genes[None])
    assert found.cost == herd.cost[0] >= price(instance, optimal_genes(instance)[None]).cost[0]
    assert found.first_cost >= found.cost
    assert found.genes.shape == (instance.length,)
    assert (found.genes[: instance.gateways] != np.arange(instance.gateways)).all()
    assert found.genes.min() >= 0 and found.genes.max() < instance.gateways


@SEARCHES
def test_a_solver_prices_no_more_than_it_may(solver):
    for evaluations in (1, 7, 150, 1_000):
        found = SOLVERS[solver](make_instance("DS1"), evaluations=evaluations, random_state=0)
        assert found.evaluations <= evaluations


@SEARCHES
def test_a_solver_finds_the_same_from_the_same_random_state(solver):
    one, other = (SOLVERS[solver](make_instance("DS2"), evaluations=1_000, random_state=3) for _ in range(2))
    assert one.cost == other.cost
    assert (one.genes == other.genes).all()


@pytest.mark.parametrize("solver", ["ga", "seira", "woa"])
def test_a_search_finds_the_optimum_of_a_small_data_set(solver):
    instance = make_instance("DS1")
    found = SOLVERS[solver](instance, evaluations=30_000, random_state=0)
    assert found.cost == price(instance, optimal_genes(instance)[None]).cost[0]


def test_our_planner_keeps_every_gateway_within_capacity():
    instance = make_instance("DS5")
    herd = price(instance, SOLVERS["tidegate"](instance, evaluations=1, random_state=0).genes[None])
    assert herd.loads.max() <= instance.capacity
    assert herd.parts == [1]


def test_a_clustered_start_is_lawful_and_cheaper_than_a_random_one():
    instance, rng = make_instance("DS4"), np.random.default_rng(0)
    clustered, random = (start(rng, instance, 200) for start in (clustered_start, random_start))
    assert (clustered[:, : instance.gateways] != np.arange(instance.gateways)).all()
    assert price(instance, clustered).cost.mean() < price(instance, random).cost.mean()


def test_one_whale_alone_searches_too():
    found = whales(make_instance("DS1"), evaluations=500, random_state=0, count=1)
    assert found.evaluations == 500
    assert found.cost < found.first_cost
