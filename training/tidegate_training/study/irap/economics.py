"""Search economics with k-means, after SEIRA (Tsai 2018), rebuilt from what search economics is known to be.

Regions are clusters of the first solutions by their gateways' loads. Each iteration every searcher is bred with every good of
every region; searchers go where a region promises most: long not visited, good on average, good at best.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.cluster.vq import kmeans2

from tidegate_training.study.irap.breeding import crossed, mutated
from tidegate_training.study.irap.herd import Herd, Int64, choose, join_herds, price, reprice
from tidegate_training.study.irap.instance import Float64, Instance
from tidegate_training.study.irap.search import Elite, Found
from tidegate_training.study.irap.start import random_start

REGIONS: Final = 4
GOODS: Final = 2
SEARCHERS: Final = 4
WANDER: Final = 0.1
"""Probability that a searcher goes to a random region."""

BRED: Final = 2 * SEARCHERS * REGIONS * GOODS
"""Solutions priced in an iteration: both children of every searcher and good."""

FIRST: Final = 100
"""Solutions that the regions are made from."""


@dataclass(slots=True)
class _Market:
    """`goods` are the best known of each region, `GOODS` a region in order; by region its `centre`, visits and how long ago."""

    goods: Herd
    centres: Float64
    visits: Float64
    since: Float64


def economics(instance: Instance, *, evaluations: int, random_state: int) -> Found:
    """Search for as many iterations as `evaluations` allow; the first solutions are random."""
    rng = np.random.default_rng(random_state)
    first = price(instance, random_start(rng, instance, min(FIRST, evaluations)))
    elite = Elite(first)
    if elite.evaluations + BRED > evaluations:
        return elite.found()
    market, searchers = _opened(rng, first), first.take(rng.integers(0, len(first), SEARCHERS))
    while elite.evaluations + BRED <= evaluations:
        children, priced = _bred(rng, instance, searchers, market.goods)
        for herd in priced:
            elite.see(herd)
        searchers = _invested(rng, market, searchers, children)
        market.goods = _renewed(market, children)
    return elite.found()


def _opened(rng: np.random.Generator, first: Herd) -> _Market:
    """The regions of `first`, each with its best solutions; an empty region starts with random ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty cluster is a region nobody is in yet
        centres, region = kmeans2(first.loads.astype(np.float64), REGIONS, minit="points", rng=rng)
    rows = [_cheapest(first, np.flatnonzero(region == each)) for each in range(REGIONS)]
    filled = [found if len(found) == GOODS else rng.integers(0, len(first), GOODS) for found in rows]
    return _Market(first.take(np.concatenate(filled)), centres, np.ones(REGIONS), np.ones(REGIONS))


def _bred(rng: np.random.Generator, instance: Instance, searchers: Herd, goods: Herd) -> tuple[Herd, tuple[Herd, Herd]]:
    """The better child of each searcher and good, searchers outermost; and all that were priced for it."""
    mothers = searchers.take(np.repeat(np.arange(SEARCHERS), len(goods)))
    fathers = goods.take(np.tile(np.arange(len(goods)), SEARCHERS))
    one, other = crossed(rng, mothers.genes, fathers.genes)
    first = reprice(instance, mothers, mutated(rng, instance, one))
    second = reprice(instance, fathers, mutated(rng, instance, other))
    return choose(first.cost <= second.cost, first, second), (first, second)


def _invested(rng: np.random.Generator, market: _Market, searchers: Herd, children: Herd) -> Herd:
    """Send each searcher to a region, where it takes its best child if that is cheaper; changes the market's visits."""
    fitness = 1 / np.maximum(children.cost, 1e-9).reshape(SEARCHERS, REGIONS, GOODS)
    best = (1 / np.maximum(market.goods.cost, 1e-9)).reshape(REGIONS, GOODS).max(axis=1)
    expected = market.since / market.visits * fitness.mean(axis=2) * best / best.sum()
    wanders = rng.random(SEARCHERS) < WANDER
    region = np.where(wanders, rng.integers(0, REGIONS, SEARCHERS), expected.argmax(axis=1))
    good = fitness[np.arange(SEARCHERS), region].argmax(axis=1)
    offer = children.take((np.arange(SEARCHERS) * REGIONS + region) * GOODS + good)
    market.since += 1
    market.since[region] = 1
    market.visits += np.bincount(region, minlength=REGIONS)
    return choose(offer.cost < searchers.cost, offer, searchers)


def _renewed(market: _Market, children: Herd) -> Herd:
    """The cheapest of each region among its goods and the children whose loads lie nearest to its centre."""
    apart = ((children.loads[:, None].astype(np.float64) - market.centres) ** 2).sum(axis=2)
    all_known = join_herds(market.goods, children)
    region = np.concatenate([np.repeat(np.arange(REGIONS), GOODS), apart.argmin(axis=1)])
    rows = [_cheapest(all_known, np.flatnonzero(region == each)) for each in range(REGIONS)]
    return all_known.take(np.concatenate(rows))


def _cheapest(herd: Herd, rows: Int64) -> Int64:
    return rows[np.argsort(herd.cost[rows], kind="stable")[:GOODS]]
