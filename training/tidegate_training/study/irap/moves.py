"""The paper's moves of whales, on a whole herd at once. Their names and worked examples are the paper's, the steps inferred.

Genes are int16 [whale, position]. Every result is lawful where its parents are: no gateway talks to itself.
"""

from typing import Final

import numpy as np

from tidegate_training.study.irap.herd import Genes, Int64, differing
from tidegate_training.study.irap.instance import Float64, Instance
from tidegate_training.study.irap.start import random_genes

STRAY: Final = 1 / 3
"""Probability that a gene drawn towards the best becomes a random one: one in three in the worked examples."""

WALK: Final = 3
"""Genes that a random walk changes at most."""


def distance(genes: Genes, others: Genes) -> Int64:
    """Positions at which each of `genes` differs from `others`, int64 [whale]."""
    return np.asarray((genes != others).sum(axis=1))


def toward(rng: np.random.Generator, instance: Instance, genes: Genes, best: Genes, steps: Int64) -> Genes:
    """Spiral and shrinking: of the positions that differ from `best`, `steps` [whale] take its gene or a random one.

    `best` is int16 [position].
    """
    rows, places = differing(genes, np.broadcast_to(best, genes.shape))
    order = np.argsort(rows + 0.999 * rng.random(len(rows)))  # below 1 also after rounding
    apart = np.bincount(rows, minlength=len(genes))
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(apart) - apart, apart)
    taken = order[rank < steps[rows]]
    rows, places = rows[taken], places[taken]
    moved = genes.copy()
    strays = rng.random(len(rows)) < STRAY
    moved[rows, places] = np.where(strays, random_genes(rng, instance, places), best[places])
    return moved


def spiral_steps(rng: np.random.Generator, apart: Int64) -> Int64:
    """How many genes a spiral changes, int64 [whale]: |exp(l) cos(2πl)| of the distance, l uniform from −1 to 1, at least 1."""
    turn = rng.uniform(-1, 1, len(apart))
    return _steps(np.abs(np.exp(turn) * np.cos(2 * np.pi * turn)), apart)


def shrinking_steps(pull: Float64, apart: Int64) -> Int64:
    """How many genes shrinking changes, int64 [whale]: |A| = `pull` of the distance, at least 1."""
    return _steps(pull, apart)


def join(rng: np.random.Generator, instance: Instance, genes: Genes, others: Genes) -> Genes:
    """Up to a random cut as `genes`, one random gene, then as `others`."""
    cut = rng.integers(0, instance.length, len(genes))
    joined = np.where(np.arange(instance.length) < cut[:, None], genes, others)
    joined[np.arange(len(genes)), cut] = random_genes(rng, instance, cut)
    return joined


def swap(instance: Instance, genes: Genes, others: Genes) -> Genes:
    """Gateways' genes of `others`, resources' genes of `genes`."""
    return np.concatenate([others[:, : instance.gateways], genes[:, instance.gateways :]], axis=1)


def random_walk(rng: np.random.Generator, instance: Instance, genes: Genes) -> Genes:
    """One to three random positions get random genes."""
    count = len(genes)
    places = rng.integers(0, instance.length, (count, WALK))
    places = np.where(np.arange(WALK) < rng.integers(1, WALK + 1, count)[:, None], places, places[:, :1])
    walked = genes.copy()
    walked[np.arange(count)[:, None], places] = random_genes(rng, instance, places)
    return walked


def search_prey(rng: np.random.Generator, instance: Instance, genes: Genes, others: Genes) -> Genes:
    """Join, swap or random walk, each as likely; `others` are the whales met."""
    which = rng.integers(0, 3, len(genes))
    moved = genes.copy()
    moved[which == 0] = join(rng, instance, genes[which == 0], others[which == 0])
    moved[which == 1] = swap(instance, genes[which == 1], others[which == 1])
    moved[which == 2] = random_walk(rng, instance, genes[which == 2])
    return moved


def _steps(share: Float64, apart: Int64) -> Int64:
    return np.clip(np.round(share * apart).astype(np.int64), 1, np.maximum(apart, 1))
