"""What every search is given and gives back, so that all are held to the same budget."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tidegate_training.study.irap.herd import Genes, Herd
from tidegate_training.study.irap.instance import Instance


@dataclass(frozen=True, slots=True)
class Found:
    """The cheapest solution of a search: its `genes` and `cost`, the cheapest of the first generation, and what was spent."""

    genes: Genes
    cost: float
    first_cost: float
    evaluations: int


class Search(Protocol):
    """Looks for a cheap solution with at most `evaluations` priced; the same random state finds the same."""

    def __call__(self, instance: Instance, *, evaluations: int, random_state: int) -> Found:
        """Search."""
        ...


class Elite:
    """The cheapest solution seen so far, and how many were priced."""

    def __init__(self, first: Herd) -> None:
        self.herd = first.best
        self.evaluations = len(first)
        self._first = self.cost

    @property
    def cost(self) -> float:
        """Its cost."""
        return float(self.herd.cost[0])

    @property
    def genes(self) -> Genes:
        """Its genes, int16 [position]."""
        return np.asarray(self.herd.genes[0])

    def see(self, herd: Herd) -> None:
        """Count `herd` as priced and keep its cheapest if it is cheaper."""
        self.evaluations += len(herd)
        if herd.cost.min() < self.cost:
            self.herd = herd.best

    def found(self) -> Found:
        """The result of the search."""
        return Found(self.genes, self.cost, self._first, self.evaluations)
