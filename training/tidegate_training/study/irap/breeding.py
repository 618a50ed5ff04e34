"""One-point crossover and mutation, for the genetic algorithm and search economics; inferred, as neither's are readable."""

import numpy as np

from tidegate_training.study.irap.herd import Genes
from tidegate_training.study.irap.instance import Instance
from tidegate_training.study.irap.start import random_genes


def crossed(rng: np.random.Generator, genes: Genes, others: Genes, *, rate: float = 1.0) -> tuple[Genes, Genes]:
    """Both children of each pair, swapped from a random cut on; with probability 1 − `rate` the parents themselves."""
    count, length = genes.shape
    cut = np.where(rng.random(count) < rate, rng.integers(1, length, count), length)
    head = np.arange(length) < cut[:, None]
    return np.where(head, genes, others), np.where(head, others, genes)


def mutated(rng: np.random.Generator, instance: Instance, genes: Genes) -> Genes:
    """`genes` with each gene random at a rate of one a solution."""
    changes = rng.binomial(genes.size, 1 / instance.length)
    rows, places = rng.integers(0, len(genes), changes), rng.integers(0, instance.length, changes)
    changed = genes.copy()
    changed[rows, places] = random_genes(rng, instance, places)
    return changed
