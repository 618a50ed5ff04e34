"""Instances: what it costs to link gateways with each other and resources with gateways, and how full a gateway may be."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import InputError

Float64 = NDArray[np.float64]

SIZES: Final = {
    "DS1": (4, 10),
    "DS2": (4, 12),
    "DS3": (4, 16),
    "DS4": (40, 100),
    "DS5": (40, 200),
    "DS6": (40, 400),
    "DS7": (100, 400),
    "DS8": (100, 800),
}
"""(gateways, resources) of the paper's data sets; their contents were never published."""

SIDE: Final = 40.0
"""Side of the square that places are drawn from: the published finals scale per link like nearest neighbours in a plane."""

GATEWAY_FACTOR: Final = 3.5
"""A gateway link costs 3 to 5 times a resource link per distance in the published finals (least squares); ours is the middle."""

SLACK: Final = 1.5
"""Capacity of a gateway over its fair share of resources: inferred, the paper's penalty is not readable."""

MOST_GATEWAYS: Final = 32_000
"""Genes are 16-bit gateway numbers."""


@dataclass(frozen=True)
class Instance:
    """`between` float64 [gateway, gateway] symmetric with zero diagonal, `access` float64 [gateway, resource]; costs ≥ 0.

    Raises:
        InputError: fewer than two gateways, no resource, shapes that do not fit, or a cost that is negative or no number.
    """

    between: Float64
    access: Float64

    def __post_init__(self) -> None:
        if self.between.ndim != 2 or self.access.ndim != 2 or self.between.shape != (len(self.access), len(self.access)):
            raise InputError(f"gateways × gateways is {self.between.shape}, gateways × resources {self.access.shape}")
        if not 2 <= self.gateways <= MOST_GATEWAYS or self.resources < 1:
            raise InputError(f"{self.gateways} gateways, {self.resources} resources; at least 2 and 1 are expected")
        if not all(np.isfinite(costs).all() and (costs >= 0).all() for costs in (self.between, self.access)):
            raise InputError("a cost is negative or not finite")
        if self.between.diagonal().any() or not np.array_equal(self.between, self.between.T):
            raise InputError("costs between gateways are not symmetric, or a gateway has a cost to itself")

    @property
    def gateways(self) -> int:
        """How many gateways, m."""
        return len(self.access)

    @property
    def resources(self) -> int:
        """How many resources, n."""
        return int(self.access.shape[1])

    @property
    def length(self) -> int:
        """Genes of a solution, m + n."""
        return self.gateways + self.resources

    @property
    def capacity(self) -> int:
        """Resources that a gateway takes without penalty."""
        return int(np.ceil(SLACK * self.resources / self.gateways))

    @cached_property
    def penalty(self) -> float:
        """For each resource too many at a gateway and each part too many of the gateways' graph: the dearest link."""
        return float(max(self.between.max(), self.access.max()))

    @cached_property
    def link_costs(self) -> Float64:
        """Cost of each gene by position and value, float64 [position, gateway]."""
        return np.concatenate([self.between, self.access.T])


def make_instance(name: str) -> Instance:
    """The instance of that name, the same each time: places uniform in a square, costs their distances to the next half.

    Raises:
        InputError: no data set of that name.
    """
    if name not in SIZES:
        raise InputError(f"no data set {name!r}", advice=f"one of {', '.join(SIZES)}")
    gateways, resources = SIZES[name]
    return random_instance(gateways, resources, random_state=list(SIZES).index(name) + 1)


def random_instance(gateways: int, resources: int, *, random_state: int) -> Instance:
    """An instance of that size from places in the plane."""
    rng = np.random.default_rng(random_state)
    sites, things = rng.uniform(0, SIDE, (gateways, 2)), rng.uniform(0, SIDE, (resources, 2))
    return Instance(_halves(GATEWAY_FACTOR * _distances(sites, sites)), _halves(_distances(sites, things)))


def _distances(these: Float64, those: Float64) -> Float64:
    return np.asarray(np.linalg.norm(these[:, None] - those[None], axis=2))


def _halves(costs: Float64) -> Float64:
    """Halves, as the published figures are; sums of them are exact, in any order."""
    return np.asarray(np.round(2 * costs) / 2)
