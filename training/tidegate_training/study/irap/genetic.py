"""A genetic algorithm after Kim & Ko (2015). Tournament, one-point crossover and elitism are ours: theirs are unknown."""

from typing import Final

import numpy as np

from tidegate_training.study.irap.breeding import crossed, mutated
from tidegate_training.study.irap.herd import Herd, Int64, price, reprice
from tidegate_training.study.irap.instance import Instance
from tidegate_training.study.irap.search import Elite, Found
from tidegate_training.study.irap.start import random_start

POPULATION: Final = 100
CROSSOVER: Final = 0.8


def genetic(instance: Instance, *, evaluations: int, random_state: int) -> Found:
    """Breed for as many generations as `evaluations` allow, the first of them the random start."""
    rng = np.random.default_rng(random_state)
    count = min(POPULATION, evaluations)
    herd = price(instance, random_start(rng, instance, count))
    elite = Elite(herd)
    for _ in range(evaluations // count - 1):
        herd = _next(rng, instance, herd)
        elite.see(herd)
        worst = int(herd.cost.argmax())
        herd = _with(herd, worst, elite.herd)
    return elite.found()


def _next(rng: np.random.Generator, instance: Instance, herd: Herd) -> Herd:
    """One child for each solution, priced from its first parent."""
    first, second = herd.take(_winners(rng, herd)), herd.genes[_winners(rng, herd)]
    child, _ = crossed(rng, first.genes, second, rate=CROSSOVER)
    return reprice(instance, first, mutated(rng, instance, child))


def _winners(rng: np.random.Generator, herd: Herd) -> Int64:
    """The cheaper of two random solutions, as often as there are solutions."""
    one, other = rng.integers(0, len(herd), (2, len(herd)))
    return np.asarray(np.where(herd.cost[one] <= herd.cost[other], one, other))


def _with(herd: Herd, row: int, elite: Herd) -> Herd:
    """`herd` with `elite`'s solution in place of the one at `row`; changes `herd`."""
    herd.genes[row], herd.links[row], herd.loads[row] = elite.genes[0], elite.links[0], elite.loads[0]
    herd.parts[row], herd.cost[row] = elite.parts[0], elite.cost[0]
    return herd
