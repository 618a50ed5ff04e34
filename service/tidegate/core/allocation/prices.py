"""What room is worth: prices of capacity from a relaxation in which devices may be split, and a bound that no plan can beat.

Lagrangian relaxation: every gateway asks a price for each resource, every device takes what is cheapest for it alone, and
prices rise where too many come. Prices are found by the volume algorithm (Barahona and Anbil 2000): ascent along an average of
the excess, not along the last one, which swings. Any prices give a valid bound by weak duality, good ones a tight bound.

Loads are shares of capacity, costs are in the problem's cost units, so no unit matters. Changes nothing it is given.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.together import starts

ITERATIONS: Final = 40
"""Rounds of the ascent: the bound is then within .1 to .4 % of the relaxation's optimum on sites of 100 × 800."""

_AVERAGE: Final = 0.3
"""Weight of the newest excess in the average; the algorithm's authors use .1 to 1."""

_STEP: Final = 0.5
"""First step, as a share of what the bound is assumed to lack; grows by a tenth at each gain, shrinks by a third without."""

_PATIENCE: Final = 3
"""Rounds without a gain after which the step shrinks."""

_LULL: Final = 15
"""Rounds in which the bound must grow …"""

_GAIN: Final = 2e-4
"""… by so much, as a share of it, to go on."""

_ASPIRATION: Final = 1.03
"""The bound is assumed to lack so much, as a ratio; only the length of steps depends on it."""

_LEAST_LACKING: Final = 1e-3
"""Cost units that the bound is assumed to lack at least, so that an ascent from a bound of 0 moves."""

DECIMALS: Final = 9
"""Decimals of shares and costs that count: a billionth of a capacity is the noise of telling it in another unit."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Devices that want a place each, or to stay `outside` at a cost.

    By link, sorted by device: `device` int64 (0, 1, …, each at least once), `gateway` int64, `cost` float64 in cost units and
    `share` float64 [link, resource]. `first` int64 [device] is a device's first link. Capacity comes in pieces, the cheapest
    first: `widths` float64 [gateway, resource, piece] in shares, at `slopes` float64 [piece] cost units per share. `outside`
    float64 [device] is infinite where a device must be served.
    """

    first: Int64
    device: Int64
    gateway: Int64
    cost: Float64
    share: Float64
    widths: Float64
    slopes: Float64
    outside: Float64


@dataclass(frozen=True, slots=True)
class Prices:
    """`price` float64 [gateway, resource], cost units per share; `bound`: no assignment of whole devices costs less.

    `rounds` is how many it took.
    """

    price: Float64
    bound: float
    rounds: int


def ascend(relaxation: Relaxation, iterations: int = ITERATIONS, known: float | None = None) -> Prices:
    """Prices after so many rounds, the best that were met; each round looks at every link once.

    `known` is the cost of an assignment, where there is one: the bound cannot exceed it, and no more is looked for.
    """
    price = _start(relaxation)
    best, best_price, excess = -np.inf, price, np.zeros_like(price)
    step, patience, reached = _STEP, _PATIENCE, list[float]()
    for round_ in range(iterations):
        value, here = _answer(relaxation, price)
        excess = here if round_ == 0 else _AVERAGE * here + (1.0 - _AVERAGE) * excess
        if value > best:
            best, best_price, step, patience = value, price, min(step * 1.1, 2.0), _PATIENCE
        else:
            patience -= 1
        if patience == 0:
            step, patience = step * 2 / 3, _PATIENCE
        norm = float(np.square(excess).sum())
        reached.append(best)
        if norm == 0.0 or (known is not None and best >= known) or _settled(reached):
            break
        aspired = _ASPIRATION * best if known is None else known
        lacking = max(aspired - value, 0.01 * abs(best), _LEAST_LACKING)
        price = np.maximum(best_price + step * lacking / norm * excess, 0.0)
    return Prices(best_price, best, len(reached))


def reduced_costs(relaxation: Relaxation, price: Float64) -> Float64:
    """What each link costs with what its gateway asks for the device's load, float64 [link]."""
    return np.asarray(relaxation.cost + (relaxation.share * price[relaxation.gateway]).sum(axis=1))


def cheapest(costs: Float64, first: Int64, device: Int64) -> Int64:
    """The first of each device's cheapest links, int64 [device]; `first` and `device` (0, 1, …) as in `Relaxation`."""
    least = np.minimum.reduceat(costs, first)
    ties = np.flatnonzero(costs <= least[device])
    return ties[starts(device[ties])]


def _settled(reached: list[float]) -> bool:
    """Whether the last rounds gained next to nothing."""
    return len(reached) > _LULL and reached[-1] - reached[-1 - _LULL] <= _GAIN * abs(reached[-1])


def _start(relaxation: Relaxation) -> Float64:
    """The same price at every gateway: the slope at which all of them together offer what devices need on average."""
    counts = np.bincount(relaxation.device)
    weights = 1.0 / counts[relaxation.device]
    needed = (relaxation.share * weights[:, None]).sum(axis=0)
    offered = relaxation.widths.sum(axis=0).cumsum(axis=1)
    piece = np.minimum((offered < needed[:, None]).sum(axis=1), len(relaxation.slopes) - 1)
    return np.tile(relaxation.slopes[piece], (len(relaxation.widths), 1))


def _answer(relaxation: Relaxation, price: Float64) -> tuple[float, Float64]:
    """The bound at `price`, and by how much the load that comes exceeds what gateways offer at it."""
    costs = reduced_costs(relaxation, price)
    chosen = cheapest(costs, relaxation.first, relaxation.device)
    served = costs[chosen] < relaxation.outside
    taken = chosen[served]
    load = load_of(relaxation, taken)
    dearer = relaxation.slopes - price[:, :, None]
    revenue = (np.minimum(dearer, 0.0) * relaxation.widths).sum()
    gladly = np.where(dearer < 0.0, relaxation.widths, 0.0).sum(axis=2)
    at_most = np.where(dearer <= 0.0, relaxation.widths, 0.0).sum(axis=2)
    excess = load - np.clip(load, gladly, at_most)
    return float(np.minimum(costs[chosen], relaxation.outside).sum() + revenue), excess


def load_of(relaxation: Relaxation, links: Int64) -> Float64:
    """Shares that come to each gateway over `links`, float64 [gateway, resource]."""
    gateways, resources, _ = relaxation.widths.shape
    load = np.zeros((gateways, resources))
    for column in range(resources):
        load[:, column] = np.bincount(relaxation.gateway[links], relaxation.share[links, column], minlength=gateways)
    return load
