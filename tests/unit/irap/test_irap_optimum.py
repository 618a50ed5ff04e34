"""The optimum is one: no solution of a tiny instance is cheaper, and its parts are what they are said to be."""

from itertools import product

import numpy as np
import pytest

from tidegate_training.study.irap.herd import price
from tidegate_training.study.irap.instance import SIZES, Instance, make_instance, random_instance
from tidegate_training.study.irap.optimum import linked_gateways, optimal_genes


@pytest.mark.parametrize(("gateways", "resources"), [(2, 1), (2, 5), (3, 1), (3, 4), (3, 6), (4, 4)])
@pytest.mark.parametrize("random_state", [0, 1, 2])
def test_no_solution_of_a_tiny_instance_is_cheaper(gateways, resources, random_state):
    instance = random_instance(gateways, resources, random_state=random_state)
    assert _optimum(instance) == price(instance, _all_genes(instance)).cost.min()


@pytest.mark.parametrize("random_state", range(5))
def test_no_solution_is_cheaper_where_costs_are_arbitrary_and_some_are_nothing(random_state):
    rng = np.random.default_rng(random_state)
    between = np.triu(rng.integers(0, 5, (3, 3)), 1).astype(float)
    instance = Instance(between + between.T, rng.integers(0, 5, (3, 5)).astype(float))
    assert _optimum(instance) == price(instance, _all_genes(instance)).cost.min()


@pytest.mark.parametrize("name", SIZES)
def test_the_optimum_of_a_data_set_is_connected_and_within_capacity(name):
    instance = make_instance(name)
    herd = price(instance, optimal_genes(instance)[None])
    assert herd.parts == [1]
    assert herd.loads.max() <= instance.capacity
    assert herd.cost == herd.links


def test_gateways_are_linked_at_the_weight_of_the_tree_and_its_cheapest_link():
    line = np.array([0.0, 1.0, 3.0, 6.0])
    instance = Instance(np.abs(line[:, None] - line), np.ones((4, 1)))
    talks_to = linked_gateways(instance)
    assert instance.between[np.arange(4), talks_to].sum() == (1 + 2 + 3) + 1


def _optimum(instance):
    return price(instance, optimal_genes(instance)[None]).cost[0]


def _all_genes(instance):
    m = instance.gateways
    gateways = [[other for other in range(m) if other != each] for each in range(m)]
    return np.array(list(product(*gateways, *[range(m)] * instance.resources)), np.int16)
