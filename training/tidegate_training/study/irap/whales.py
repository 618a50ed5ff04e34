"""The whale optimisation of the paper, discrete, on the skeleton of Mirjalili & Lewis (2016): all move every round."""

from typing import Final

import numpy as np

from tidegate_training.study.irap import moves
from tidegate_training.study.irap.herd import Genes, price, reprice
from tidegate_training.study.irap.instance import Instance
from tidegate_training.study.irap.search import Elite, Found
from tidegate_training.study.irap.start import clustered_start, random_start

WHALES: Final = 100
"""Whales, where nothing else is asked for; the paper's thousands are out of proportion to the budget here."""


def whales(instance: Instance, *, evaluations: int, random_state: int, count: int = WHALES, clustered: bool = True) -> Found:
    """Search with `count` whales for as many rounds as `evaluations` allow, the first of them the start."""
    rng = np.random.default_rng(random_state)
    count = min(count, evaluations)
    start = clustered_start if clustered else random_start
    herd = price(instance, start(rng, instance, count))
    elite = Elite(herd)
    rounds = evaluations // count - 1
    for done in range(rounds):
        moved = _moved(rng, instance, herd.genes, elite.genes, reach=2 - 2 * done / rounds)
        herd = reprice(instance, herd, moved)
        elite.see(herd)
    return elite.found()


def unclustered_whales(instance: Instance, *, evaluations: int, random_state: int) -> Found:
    """The same from a random start."""
    return whales(instance, evaluations=evaluations, random_state=random_state, clustered=False)


def _moved(rng: np.random.Generator, instance: Instance, genes: Genes, best: Genes, *, reach: float) -> Genes:
    """Each whale's next place: spiral or shrinking towards the best, or search of prey while `reach` (2 to 0) is long.

    A whale that has come to the best walks at random: it has no distance left, and without it the herd would stand still.
    """
    count = len(genes)
    pull = np.abs(2 * reach * rng.random(count) - reach)
    spirals = rng.random(count) >= 0.5
    hunts = ~spirals & (pull >= 1)
    apart = moves.distance(genes, best)
    steps = np.where(spirals, moves.spiral_steps(rng, apart), moves.shrinking_steps(pull, apart))
    moved = moves.toward(rng, instance, genes, best, np.where(hunts, 0, steps))
    met = genes[(np.arange(count) + rng.integers(1, max(count, 2), count)) % count]
    moved[hunts] = moves.search_prey(rng, instance, genes[hunts], met[hunts])
    arrived = ~hunts & (apart == 0)
    moved[arrived] = moves.random_walk(rng, instance, genes[arrived])
    return moved
