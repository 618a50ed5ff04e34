"""How suspect a gateway is, from 0 to 1: what is held against it, how fast that counts, and how much room it costs.

A suspect gateway lives: whom it serves stays there. It only takes in less, by what is withheld of its capacity. Nothing here
knows a site; `suspects` applies it to one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import Float64, Int64

RAMP_MS: Final = 600_000
"""Milliseconds of ticks in which suspicion rises from 0 to 1 or falls back: two regular plans (our choice). One word or one bad
minute is never enough for all of it."""

LONGEST_STEP_MS: Final = 60_000
"""Milliseconds that one review moves suspicion on at most: nobody looked meanwhile, so nobody knows."""

FULL_COUNT: Final = 4
"""Returns from silence, or refusals of room, from which suspicion is full (our choice)."""

MOST_COUNTED: Final = 24
"""Of them count for how long they are remembered: with an hour each, for a day at most."""

CONFIDENCE: Final = 1.96
"""Standard deviations of the interval within which a share of devices is known: 95 % of a normal one."""

CHANCE: Final = 1 / (365 * 24 * 60)
"""Probability that a look at a site finds one of its gateways worse than the rest by chance alone: of a look a minute, one a year
(our choice). An interval of 95 % alone is not enough where many gateways are asked every minute."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How suspect one gateway is and what of, as of the review at tick `reviewed_at_ms`.

    `level` 0 to 1 moves towards `held_against` by the ramp; `withheld` (0 to 1) is the share of its capacity that nobody new is
    given. `returns` from silence and `refusals` of room are those remembered, with the tick of the last; `turned_away_until_ms`
    tells a refusal counted already. `troubled` of the `devices` that it serves have confident anomalies, `excess` (0 to 1)
    more of them for sure than elsewhere on the site.
    """

    reviewed_at_ms: int
    level: float = 0.0
    withheld: float = 0.0
    returns: int = 0
    returned_at_ms: int = 0
    refusals: int = 0
    refused_at_ms: int = 0
    turned_away_until_ms: int = 0
    troubled: int = 0
    devices: int = 0
    excess: float = 0.0

    @property
    def held_against(self) -> float:
        """What the level moves towards, 0 to 1: the strongest of the three, for they may have one cause."""
        return min(1.0, max(self.returns / FULL_COUNT, self.refusals / FULL_COUNT, self.excess))


def moved_on(level: float, towards: float, step_ms: int) -> float:
    """`level` after `step_ms` more of the ramp."""
    step = min(max(step_ms, 0), LONGEST_STEP_MS) / RAMP_MS
    return min(max(towards, level - step), level + step)


def remembered_ms(count: int, each_seconds: float) -> int:
    """For how long after the last of them `count` events are remembered: the more there were, the longer."""
    return int(min(count, MOST_COUNTED) * each_seconds * 1000)


def excess_of(troubled: Int64, devices: Int64) -> Float64:
    """By how much the share of `troubled` among `devices` surely exceeds that of all other gateways together, float64 [gateway].

    The lower end of its interval above the upper end of theirs (Wilson 1927): 0 for a few of few, where there is nobody to
    compare with, and where so many troubled devices of a site may well have met at one of its gateways by `CHANCE`.
    """
    low, _ = _interval(troubled, devices)
    _, high = _interval(troubled.sum() - troubled, devices.sum() - devices)
    excess = np.clip(low - high, 0.0, 1.0)
    excess[_by_chance(troubled, devices, np.flatnonzero(excess))] = 0.0
    return excess


def _by_chance(troubled: Int64, devices: Int64, asked: Int64) -> Int64:
    """Those of the gateways `asked` that would have as many of the site's troubled devices if these were dealt out blindly.

    Fisher's exact test, one-sided, with `CHANCE` shared among all gateways: the hypergeometric distribution from `troubled` up.
    """
    if not asked.size:
        return asked
    ill, everybody = int(troubled.sum()), int(devices.sum())
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, everybody + 1)))))

    def log_ways(of: int, count: Int64) -> Float64:
        return np.asarray(log_factorial[of] - log_factorial[count] - log_factorial[of - count])

    def tail(own: int, served: int) -> float:
        met = np.arange(own, min(ill, served) + 1)
        log_p = log_ways(ill, met) + log_ways(everybody - ill, served - met) - log_ways(everybody, np.array([served]))
        return float(np.exp(log_p).sum())

    tails = np.array([tail(int(troubled[gateway]), int(devices[gateway])) for gateway in asked])
    return asked[tails > CHANCE / len(devices)]


def _interval(hits: Int64, count: Int64) -> tuple[Float64, Float64]:
    """Wilson's score interval of `hits` in `count`; 0 to 1 of none."""
    trials, square = np.maximum(count, 1), CONFIDENCE**2
    share = hits / trials
    middle = share + square / (2 * trials)
    half = CONFIDENCE * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    whole = 1 + square / trials
    none = count == 0
    return np.where(none, 0.0, (middle - half) / whole), np.where(none, 1.0, (middle + half) / whole)


def withheld_shares(level: Float64, capacity: Float64, most: float) -> Float64:
    """The share (0 to 1) of its capacity that each gateway takes nobody new into, float64 [gateway].

    `level` float64 [gateway] is 0 to 1, `capacity` float64 [gateway, resource] may be infinite: of the unlimited nothing can be
    withheld. Of no resource more than `most` (0 to 1) of what all gateways have together is withheld: all shrink alike.
    """
    limited = np.where(np.isfinite(capacity), capacity, 0.0)
    wanted, allowed = (level[:, None] * limited).sum(axis=0), most * limited.sum(axis=0)
    over = wanted > allowed
    return np.asarray(level * float((allowed[over] / wanted[over]).min(initial=1.0)))


def in_words(suspicion: Suspicion) -> str:
    """What is held against the gateway and what it costs; empty when nothing is withheld."""
    if suspicion.withheld <= 0:
        return ""
    now_ms, said = suspicion.reviewed_at_ms, list[str]()
    if suspicion.returns:
        said.append(f"returned from silence {_times(suspicion.returns, now_ms - suspicion.returned_at_ms)}")
    if suspicion.refusals:
        said.append(f"gave no room {_times(suspicion.refusals, now_ms - suspicion.refused_at_ms)}")
    if suspicion.excess > 0:
        said.append(f"{suspicion.troubled} of its {suspicion.devices} devices have anomalies, far more than elsewhere")
    said.append(f"{suspicion.withheld:.1%} of its capacity withheld")
    return "suspect: " + ", ".join(said)


def _times(count: int, ago_ms: int) -> str:
    return f"{count} time{'' if count == 1 else 's'}, last {ago_ms // 60_000} min ago"
