"""The exact optimum, in milliseconds. No genes of the two kinds meet in any term of the cost, so it separates.

Resources: the penalty K is at least any cost, and there is room for all, so moving a resource from a gateway that is too full
to one that is not never costs more: some optimum keeps within capacity, and it is an assignment of resources to capacity slots.
Gateways: each part of the graph has as many links as gateways, so a forest of c parts leaves c links over, at least the
cheapest each; joining the parts costs at most K (c − 1). So nothing beats the minimum spanning tree plus one cheapest
link, which is reached by pointing the tree at the cheapest link's two ends.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from tidegate_training.study.irap.herd import Genes, Int64
from tidegate_training.study.irap.instance import Instance


def optimal_genes(instance: Instance) -> Genes:
    """Genes of a solution that none beats, int16 [position]."""
    return np.concatenate([linked_gateways(instance), _owned_resources(instance)]).astype(np.int16)


def linked_gateways(instance: Instance) -> Int64:
    """Whom each gateway talks to at least cost: the minimum spanning tree (Prim) grown from an end of the cheapest link.

    Ties go to the lower index. Costs of 0 are links like others.
    """
    between = instance.between + np.diag(np.full(instance.gateways, np.inf))
    root = int(between.min(axis=1).argmin())
    talks_to = np.full(instance.gateways, root, np.int64)
    distance = between[root].copy()
    talks_to[root] = distance.argmin()
    for _ in range(instance.gateways - 1):
        nearest = int(distance.argmin())
        between[:, nearest] = distance[nearest] = np.inf
        closer = between[nearest] < distance
        closer[root] = False
        talks_to[closer], distance[closer] = nearest, between[nearest][closer]
    return talks_to


def _owned_resources(instance: Instance) -> Int64:
    """Who owns each resource at least cost, nobody more than its capacity, int64 [resource]."""
    slots = np.repeat(instance.access.T, instance.capacity, axis=1)
    rows, columns = linear_sum_assignment(slots)
    owner = np.empty(instance.resources, np.int64)
    owner[rows] = columns // instance.capacity
    return owner
