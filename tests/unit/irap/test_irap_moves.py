"""The paper's worked examples are within reach of the moves, and the moves keep solutions lawful.

The examples are the paper's; its pseudocode is not readable, so a move counts as right when some random state takes it from the
example's parents to the example's child, and when no state takes it anywhere the example's rule forbids.
"""

import numpy as np
import pytest
from irap_cases import SMALL, WHALE, genes

from tidegate_training.study.irap import moves

SPIRAL = ((3, 3, 4, 2, 1, 2, 2, 4, 3, 4, 1), (3, 1, 4, 1, 1, 2, 4, 4, 3, 4, 1), 3)
SHRINKING = ((3, 1, 4, 2, 1, 2, 2, 4, 3, 4, 1), (3, 1, 4, 2, 1, 3, 4, 4, 3, 2, 1), 2)
MANY = 20_000


@pytest.mark.parametrize(("best", "child", "steps"), [SPIRAL, SHRINKING], ids=["spiral", "shrinking"])
def test_moving_towards_the_best_reaches_the_papers_example(best, child, steps):
    moved = _toward(best, steps)
    assert (moved == genes(*child)).all(axis=1).any()


@pytest.mark.parametrize(("best", "child", "steps"), [SPIRAL, SHRINKING], ids=["spiral", "shrinking"])
def test_moving_towards_the_best_changes_only_genes_that_differ_and_no_more_than_its_steps(best, child, steps):
    moved = _toward(best, steps)
    changed = moved != genes(*WHALE)
    assert not changed[:, (genes(*WHALE) == genes(*best))[0]].any()
    assert changed.sum(axis=1).max() == steps
    assert _lawful(moved)


def test_the_papers_whales_are_five_and_four_positions_apart():
    assert moves.distance(genes(*WHALE), genes(*SPIRAL[0])) == [5]
    assert moves.distance(genes(*WHALE), genes(*SHRINKING[0])) == [4]


def test_join_reaches_the_papers_example():
    other, child = genes(3, 1, 4, 2, 1, 2, 4, 4, 2, 4, 1), genes(3, 1, 4, 3, 1, 3, 4, 4, 2, 4, 1)
    joined = moves.join(np.random.default_rng(0), SMALL, _herd(genes(*WHALE)), _herd(other))
    assert (joined == child).all(axis=1).any()
    assert _lawful(joined)


def test_swap_gives_the_papers_example():
    other, child = genes(3, 3, 4, 2, 1, 4, 4, 4, 2, 4, 1), genes(3, 3, 4, 2, 1, 4, 4, 4, 3, 2, 1)
    assert (moves.swap(SMALL, genes(*WHALE), other) == child).all()


def test_a_random_walk_changes_one_to_three_genes_lawfully():
    walked = moves.random_walk(np.random.default_rng(0), SMALL, _herd(genes(*WHALE)))
    changed = (walked != genes(*WHALE)).sum(axis=1)
    assert set(changed) == {0, 1, 2, 3}  # 0: the gene drawn was the one there
    assert _lawful(walked)


@pytest.mark.parametrize("apart", [0, 1, 5, 900])
def test_steps_are_at_least_one_and_at_most_the_distance(apart):
    apart = np.full(1_000, apart)
    spirals = moves.spiral_steps(np.random.default_rng(0), apart)
    shrinkings = moves.shrinking_steps(np.random.default_rng(0).random(1_000), apart)
    for steps in (spirals, shrinkings):
        assert steps.min() >= 1
        assert (steps <= np.maximum(apart, 1)).all()


def _toward(best, steps):
    herd = _herd(genes(*WHALE))
    return moves.toward(np.random.default_rng(0), SMALL, herd, genes(*best)[0], np.full(len(herd), steps))


def _herd(one):
    return np.repeat(one, MANY, axis=0)


def _lawful(herd):
    talks_to = herd[:, : SMALL.gateways]
    return (talks_to != np.arange(SMALL.gateways)).all() and (herd >= 0).all() and (herd < SMALL.gateways).all()
