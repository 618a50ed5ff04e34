"""Many solutions at once and what they cost, computed in full or from what changed.

A solution is m + n genes: gene i < m is the gateway that gateway i talks to (never itself), gene m + r the gateway that owns
resource r. Cost = gateway links + resource links + penalty × (resources above capacity + parts of the gateways' graph − 1).
The two sums are the paper's; the algebra of the penalty, its constant and the capacity are inferred.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tidegate_training.study.irap.instance import Float64, Instance

Genes = NDArray[np.int16]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Herd:
    """`genes` int16 [solution, position]; by solution: `links` float64, `loads` int64 [solution, gateway], `parts`, `cost`."""

    genes: Genes
    links: Float64
    loads: Int64
    parts: Int64
    cost: Float64

    def __len__(self) -> int:
        return len(self.genes)

    def take(self, rows: Int64) -> Self:
        """The solutions at `rows`, copied."""
        return type(self)(self.genes[rows], self.links[rows], self.loads[rows], self.parts[rows], self.cost[rows])

    @property
    def best(self) -> Self:
        """The cheapest solution, a herd of one."""
        return self.take(np.array([self.cost.argmin()]))


def price(instance: Instance, genes: Genes) -> Herd:
    """What each of `genes` costs, from nothing."""
    links = instance.link_costs[np.arange(instance.length), genes].sum(axis=1)
    m, count = instance.gateways, len(genes)
    cells = genes[:, m:] + m * np.arange(count)[:, None]
    loads = np.bincount(cells.ravel(), minlength=count * m).reshape(count, m)
    return _herd(instance, genes, links, loads, parts_of(genes[:, :m]))


def reprice(instance: Instance, old: Herd, genes: Genes) -> Herd:
    """What `genes` cost, from `old` (row by row their ancestors) and the genes that differ: equal to `price`, and cheaper."""
    rows, places = differing(genes, old.genes)
    before, after = old.genes[rows, places].astype(np.int64), genes[rows, places].astype(np.int64)
    change = instance.link_costs[places, after] - instance.link_costs[places, before]
    links = old.links + np.bincount(rows, weights=change, minlength=len(old))
    m, parts = instance.gateways, old.parts.copy()
    owned = places >= m
    loads = old.loads.copy()
    flat = loads.reshape(-1)
    np.subtract.at(flat, rows[owned] * m + before[owned], 1)
    np.add.at(flat, rows[owned] * m + after[owned], 1)
    rewired = np.unique(rows[~owned])
    if len(rewired):
        parts[rewired] = parts_of(genes[rewired, :m])
    return _herd(instance, genes, links, loads, parts)


def join_herds(*herds: Herd) -> Herd:
    """All solutions of `herds`, in order."""
    return Herd(
        np.concatenate([herd.genes for herd in herds]),
        np.concatenate([herd.links for herd in herds]),
        np.concatenate([herd.loads for herd in herds]),
        np.concatenate([herd.parts for herd in herds]),
        np.concatenate([herd.cost for herd in herds]),
    )


def choose(better: Bool, new: Herd, old: Herd) -> Herd:
    """`new` where `better` (bool by solution), else `old`."""
    column = better[:, None]
    return Herd(
        np.where(column, new.genes, old.genes),
        np.where(better, new.links, old.links),
        np.where(column, new.loads, old.loads),
        np.where(better, new.parts, old.parts),
        np.where(better, new.cost, old.cost),
    )


def differing(genes: Genes, others: Genes) -> tuple[Int64, Int64]:
    """Rows and positions where `genes` differ from `others`, int64 each, row by row."""
    cells = np.flatnonzero((genes != others).ravel())  # three times faster than on two dimensions
    rows = cells // genes.shape[1]
    return rows, cells - rows * genes.shape[1]


def parts_of(talks_to: Genes) -> Int64:
    """Connected parts of each gateways' graph, directions ignored; `talks_to` int16 [solution, gateway].

    Everybody talks to one, so each part has exactly one circle, and parts are counted by circles: jumps of doubled length lead
    everybody into theirs, which is known by the least number on it.
    """
    count, m = talks_to.shape
    jump = (talks_to + m * np.arange(count)[:, None]).ravel()
    least = everybody = np.arange(count * m)
    for _ in range(m.bit_length()):
        least, jump = np.minimum(least, least[jump]), jump[jump]
    return np.asarray((least[jump] == everybody).reshape(count, m).sum(axis=1))


def _herd(instance: Instance, genes: Genes, links: Float64, loads: Int64, parts: Int64) -> Herd:
    above = np.maximum(loads - instance.capacity, 0).sum(axis=1)
    return Herd(genes, links, loads, parts, links + instance.penalty * (above + parts - 1))
