"""Evidence of records: how far a device has left its ordinary traffic, as two decayed CUSUMs. Pure; nothing is learned here.

A CUSUM (Page 1954) adds up log-likelihood ratios of "now, a share `UNDER_ATTACK` of its records is of that kind" against
"ordinarily, a small share is", and starts again at 0. Both are mixtures, so that one record says at most log(.5 ÷ share) and an
overconfident network cannot raise an alarm alone; and the small share is where the prior enters: log-odds that are free of the
training set's shares meet how rare such records are in service. Elapsed time makes it decay, a bound makes it end.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.classifier import Classified, ClassSet
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

UNDER_ATTACK: Final = 0.5
"""Share (ratio) of a device's records that are of the kind looked for, once it is on. A smaller share hears attacks that hide in
ordinary traffic sooner, and alarms for fewer stray records."""

STRAY: Final = 0.01
"""Share (ratio) of ordinary records that look like an attack: about what the shipped training setting errs on class blocks."""

STRANGE_BURST: Final = 4.0
"""Records that fit no class come in bursts of a rare but ordinary kind: so many of a burst say what one would. At 1, replayed
RT-IoT2022 had five false alarms of `unknown` in 8,410 ordinary records, at 4 two; an attack left out of training took 24
records to be called unknown in place of 6."""

HALF_LIFE: Final = 600.0
"""Intervals in which evidence halves: ten minutes at one record a second."""

MOST_EVIDENCE: Final = 20.0
"""Nats, 8.7 decades: beyond, no tail is known, and what is over must not linger."""

MOST_LOG_ODDS: Final = 50.0
"""Either way. The mixtures are flat long before; it keeps the exponential finite."""

LEAST_COVERAGE: Final = 0.5
"""Share of a record's columns that must be there: the model fills the rest with medians, and would judge those."""


@dataclass(frozen=True, slots=True)
class Said:
    """What B records say: whether they are `judged` at all, `label` code of the class, `unknown` fits none, `probability` of the
    likeliest class, natural `log_odds` of attack, `energy`, `likelihood_ratio` [B, stream] in nats, and `shares` float64
    [B, class], the tempered probabilities of what is known. Zeros where a record is not judged."""

    judged: Bool
    label: Int64
    unknown: Bool
    probability: Float64
    log_odds: Float64
    energy: Float64
    likelihood_ratio: Float64
    shares: Float64


def read(classified: Classified, classes: ClassSet, complete: Bool) -> Said:
    """What records say that are `complete` enough; those for which the model has no finite answer say nothing either.

    An unknown one speaks neither for nor against an attack: the model has no say about what it does not know.
    """
    outputs = (classified.probabilities, classified.log_likelihood, classified.energy[:, None])
    judged = complete & np.all([np.isfinite(each).all(axis=1) for each in outputs], axis=0)
    shares, likelihood, energy = (np.where(judged[:, None], each.astype(np.float64), 0.0) for each in outputs)
    likeliest = shares.argmax(axis=1)
    unknown = judged & (energy[:, 0] < classes.known_limit)
    odds = log_odds(likelihood, classes.attacks)
    return Said(
        judged=judged,
        label=np.where(unknown | ~judged, len(classes.names), likeliest),
        unknown=unknown,
        probability=shares[np.arange(len(shares)), likeliest],
        log_odds=odds,
        energy=energy[:, 0],
        likelihood_ratio=_likelihood_ratio(odds, judged, unknown, classes),
        shares=np.where(unknown[:, None], 0.0, shares),
    )


def _likelihood_ratio(odds: Float64, judged: Bool, unknown: Bool, classes: ClassSet) -> Float64:
    attack = mixture_ratio(np.exp(odds), STRAY)
    strange = mixture_ratio(np.where(unknown, np.inf, 0.0), 1.0 - classes.known_share) / STRANGE_BURST
    return np.stack([np.where(judged & ~unknown, attack, 0.0), np.where(judged, strange, 0.0)], axis=1)


def mixture_ratio(likelihood_ratio: Float64, ordinary_share: float) -> Float64:
    """Natural log of the ratio of the two mixtures, for records whose own ratio is `likelihood_ratio` (0 to infinity).

    >>> mixture_ratio(np.array([0.0, 1.0, np.inf]), 0.01).round(2).tolist()
    [-0.68, 0.0, 3.91]
    """
    finite = np.minimum(likelihood_ratio, np.exp(MOST_LOG_ODDS))
    now = UNDER_ATTACK * finite + (1.0 - UNDER_ATTACK)
    return np.asarray(np.log(now) - np.log(ordinary_share * finite + (1.0 - ordinary_share)))


def log_odds(log_likelihood: Float64, attacks: Bool) -> Float64:
    """Natural log-odds of attack by record, classes equally likely within each side and the sides even, within ±50."""
    odds = _mean_likelihood(log_likelihood, attacks) - _mean_likelihood(log_likelihood, ~attacks)
    return np.asarray(np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))


def _mean_likelihood(log_likelihood: Float64, chosen: Bool) -> Float64:
    """Class by class, so that no record's sum depends on its batch."""
    columns = np.flatnonzero(chosen)
    top = log_likelihood[:, columns].max(axis=1)
    total = np.zeros(len(log_likelihood))
    for column in columns:
        total = total + np.exp(log_likelihood[:, column] - top)
    return np.asarray(top + np.log(total / len(columns)))


def kept(elapsed: Float64) -> Float64:
    """What is left of evidence after `elapsed` intervals, 0 to 1."""
    return np.asarray(np.exp2(-np.maximum(elapsed, 0.0) / HALF_LIFE))


def add_up(evidence: Float64, likelihood_ratio: Float64, elapsed: Float64) -> Float64:
    """The next evidence [B, stream] in nats, 0 to `MOST_EVIDENCE`."""
    return np.asarray(np.clip(evidence * kept(elapsed)[:, None] + likelihood_ratio, 0.0, MOST_EVIDENCE))
