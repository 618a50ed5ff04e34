"""Calibration: how rare a surprise is, by what the same row (or device) has shown so far and what the fleet shows.

A tail is a log-spaced histogram of *survivors*: entry k counts the surprises at or above edge k. Where enough have been
seen, −log10 p is read off between two edges; beyond, it follows a power law fitted to the largest ones (Hill, 1975, on
counts). A fleet prior joins as pseudo-counts, so the first readings of a new device already meet a sensible tail.

Fleet prior, `BundleManifest.prior[stream]`: survival probability at each edge of the stream's tail (`SHAPES`), the first
entry for the first edge, never rising. `fleet_prior` makes one of learned tails. An absent stream uses `default_prior`.

Does not decide anything and does not know what a surprise measures. The `light` tier: 4 bytes an edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.forecaster import Float32, Float64

Int64 = NDArray[np.int64]

ANCHOR_COUNT: Final = 10.0
"""Survivors at the edge from which on the power law speaks. Ten give the fitted slope a standard error of about 30 %."""

STEEPEST: Final = 1.5
"""Natural-log fall of survivors per edge at most: a Gaussian's at about 2.5 sigma; steeper fits come from too few counts."""

FLATTEST: Final = 0.1
"""Natural-log fall per edge at least: a power law with exponent below one half, heavier than anything seen in the data."""

LN10: Final = float(np.log(10.0))


@dataclass(frozen=True, slots=True)
class TailShape:
    """Edges and memory of one stream's tail.

    Edges are `first` × 2^(k ÷ `per_octave`), k from 0 to `edges` − 1. When `memory` readings have been counted, all counts
    are halved: the tail remembers between half of `memory` and `memory` readings at constant cost. `prior_readings` is how
    many readings the prior is worth. `prior_heavy` is the default prior's exponent and `prior_share` its mass at the first edge.
    """

    edges: int
    first: float
    per_octave: int
    memory: int
    prior_readings: float
    prior_share: float
    prior_heavy: float

    def position(self, surprise: Float64) -> Float64:
        """Where `surprise` (float64 [n], ≥ 0) falls among the edges; below the first edge it is negative."""
        floor = self.first / 4
        return np.asarray(np.log2(np.maximum(surprise, floor) / self.first) * self.per_octave)

    def default_prior(self) -> Float64:
        """The prior used where no fleet has been watched yet: a power law, float64 [edges]."""
        octaves = np.arange(self.edges, dtype=np.float64) / self.per_octave
        return np.asarray(self.prior_share * np.exp2(-self.prior_heavy * octaves))


RESIDUAL: Final = "residual"
NOVELTY: Final = "novelty"
LEVEL: Final = "level"
CROSS: Final = "cross"
SEASON: Final = "season"
DROPOUT: Final = "dropout"
DEVICE: Final = "device"

SHAPES: Final[dict[str, TailShape]] = {
    # Residual in units of the forecast's own spread. Prior: P(z ≥ ½) and the exponent of a Student t with 3 degrees of freedom.
    RESIDUAL: TailShape(48, 0.5, 3, 16_384, 64.0, 0.65, 2.5),
    # Distance beyond the range seen, in ranges. First edge 1/32: less is a record of ordinary noise.
    NOVELTY: TailShape(24, 1 / 32, 3, 16_384, 64.0, 0.004, 1.0),
    # Usual distances from the usual level, as if they were residuals: the prior is a Student t's, and soon outweighed. Forty
    # distances are the last edge's.
    LEVEL: TailShape(20, 0.5, 3, 16_384, 64.0, 0.65, 2.5),
    # What the device's axes leave, in the same units.
    CROSS: TailShape(20, 0.5, 3, 16_384, 64.0, 0.65, 2.5),
    # And usual distances from the nearest neighbour in the season.
    SEASON: TailShape(20, 0.5, 3, 16_384, 64.0, 0.65, 2.5),
    # Intervals missed of about the last 16; fewer than three are nobody's business. Prior: one stretch of 16 readings in 200
    # misses three, and a doubling is 32 times as rare.
    DROPOUT: TailShape(24, 3.0, 3, 4096, 64.0, 0.005, 5.0),
    # 1 + combined evidence in decades. Prior: a twentieth of the readings has any, then 1.2 decades less per doubling, about
    # the quiet parts of NAB and KPI. It is worth 4,096 readings, because rows are calibrated already: at 256, NAB lost 6 of 65
    # points. Devices of pure noise then alarm 1.6 times as often as their budget says; a steeper prior made it 2 to 4 times.
    DEVICE: TailShape(56, 1.0, 8, 65_536, 4096.0, 0.05, 4.0),
}
"""Tails by stream. `memory`: 8,000 and more readings scored best on the public benchmark (spec: detection quality)."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Tails of n rows, ready to be asked: `counts` are the survivors by edge and `total` log10 of the readings, prior included.

    From `anchor` (an edge) on, survivors fall by `fall` (natural log) per edge.
    """

    counts: Float64
    total: Float64
    anchor: Int64
    fall: Float64

    def rarity(self, position: Float64) -> Float64:
        """−log10 P(surprise at least this) by row; 0 below the first edge. Never falls as `position` rises."""
        rows = np.arange(len(position))
        inside = np.minimum(np.maximum(position, 0.0), self.anchor)
        low = np.minimum(inside.astype(np.int64), np.maximum(self.anchor - 1, 0))
        share = inside - low
        high = np.minimum(low + 1, self.anchor)
        level = (1.0 - share) * np.log10(self.counts[rows, low]) + share * np.log10(self.counts[rows, high])
        beyond = np.maximum(position - self.anchor, 0.0) * (self.fall / LN10)
        return np.where(position < 0.0, 0.0, np.maximum(self.total - level + beyond, 0.0))

    def position_of(self, rarity: Float64) -> Float64:
        """The position whose rarity is `rarity`, where that lies beyond the anchor; the anchor itself otherwise."""
        rows = np.arange(len(rarity))
        at_anchor = self.total - np.log10(self.counts[rows, self.anchor])
        return np.asarray(self.anchor + np.maximum(rarity - at_anchor, 0.0) * LN10 / self.fall)


def fit(survivors: Float32, readings: Float64, prior: Float64, shape: TailShape) -> Fitted:
    """Fit the tails of n rows: `survivors` float32 [n, edges], `readings` float64 [n], `prior` float64 [edges]."""
    counts = survivors + shape.prior_readings * prior
    rows = np.arange(len(counts))
    tail = counts < ANCHOR_COUNT
    anchor = np.maximum(shape.edges - 1 - tail.sum(axis=1), 0)
    at_anchor = counts[rows, anchor]
    above = np.where(tail, counts, 0.0).sum(axis=1) - np.where(tail[rows, anchor], at_anchor, 0.0)
    fall = np.log1p(at_anchor / np.maximum(above, 1e-300))
    return Fitted(
        counts=counts,
        total=np.log10(readings + shape.prior_readings),
        anchor=anchor,
        fall=np.minimum(np.maximum(fall, FLATTEST), STEEPEST),
    )


def learn(survivors: Float32, readings: Float64, edge: Int64, weight: Float64, above: Int64 | int = -1) -> None:
    """Count a surprise at `edge` (−1 is below all) in each row, in place; edges up to `above` have counted it already."""
    grid = np.arange(survivors.shape[1])
    reached = grid <= edge[:, None]
    if not isinstance(above, int):
        reached &= grid > above[:, None]
    survivors += reached * weight[:, None].astype(np.float32)
    readings += weight


def forget(survivors: Float32, readings: Float64, shape: TailShape) -> None:
    """Halve, in place, the tails whose memory is full."""
    full = readings >= shape.memory
    if full.any():
        survivors[full] *= np.float32(0.5)
        readings[full] *= 0.5


def priors_of(manifest_prior: Mapping[str, list[float]]) -> dict[str, Float64]:
    """Priors by stream: the bundle's where it has one of the right length, the default otherwise."""
    chosen = {}
    for stream, shape in SHAPES.items():
        given = np.asarray(manifest_prior.get(stream, []), dtype=np.float64)
        usable = given.shape == (shape.edges,) and bool(np.all(np.isfinite(given) & (given > 0.0)))
        chosen[stream] = np.minimum.accumulate(given) if usable else shape.default_prior()
    return chosen


def fleet_prior(survivors: Float32, readings: NDArray[Any], shape: TailShape) -> list[float]:
    """The mean survival curve of learned tails, each row weighing alike, for a manifest; the default where nothing was learned.

    Half a reading's worth of the default prior keeps the curve above zero where no row has been.
    """
    seen = np.asarray(readings) > 0
    if not seen.any():
        return [float(value) for value in shape.default_prior()]
    curves = (survivors[seen] + 0.5 * shape.default_prior()) / (np.asarray(readings)[seen, None] + 0.5)
    return [float(value) for value in np.minimum.accumulate(curves.mean(axis=0))]
