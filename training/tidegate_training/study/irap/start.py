"""Where searches start: at random, or near a clustering of the graph (whose name is the paper's and whose steps are inferred)."""

from typing import Final

import numpy as np

from tidegate_training.study.irap.herd import Genes, Int64
from tidegate_training.study.irap.instance import Instance
from tidegate_training.study.irap.optimum import linked_gateways

KEPT: Final = 0.15
"""Share of genes that a clustered start keeps of the clustering: the published first generations gain 5 to 18 % by it."""


def random_genes(rng: np.random.Generator, instance: Instance, places: Int64) -> Int64:
    """A lawful gene for each of `places`: any gateway, but for a gateway not itself."""
    own = places < instance.gateways
    drawn = rng.integers(0, instance.gateways - own)
    return np.asarray(drawn + (own & (drawn >= places)))


def random_start(rng: np.random.Generator, instance: Instance, count: int) -> Genes:
    """`count` solutions of random genes."""
    places = np.broadcast_to(np.arange(instance.length), (count, instance.length))
    return random_genes(rng, instance, places).astype(np.int16)


def clustered_start(rng: np.random.Generator, instance: Instance, count: int) -> Genes:
    """`count` random solutions that keep each gene of `cluster` with probability `KEPT`."""
    genes = random_start(rng, instance, count)
    return np.where(rng.random(genes.shape) < KEPT, cluster(instance), genes)


def cluster(instance: Instance) -> Genes:
    """One cluster around each gateway: resources in order join the nearest with room, gateways talk along the shortest tree."""
    room = np.full(instance.gateways, instance.capacity)
    owner = np.empty(instance.resources, np.int64)
    for resource in range(instance.resources):
        owner[resource] = np.where(room > 0, instance.access[:, resource], np.inf).argmin()
        room[owner[resource]] -= 1
    return np.concatenate([linked_gateways(instance), owner]).astype(np.int16)
