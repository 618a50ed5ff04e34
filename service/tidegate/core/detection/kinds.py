"""Kinds of faults, read from the course of an anomaly: a few rules on a few numbers, in units of the metric's forecast error.

Pure. The thresholds were chosen on one half of the series of `tidegate evaluate why`, whose page shows the other half.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.anomaly import FaultKind
from tidegate.core.forecaster import Float64


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """An anomaly's metric from the opening on: how far `away` [n] it is from what was expected then, in forecast errors (NaN:
    missing), and how large a share of its values usually `repeats` the one before."""

    away: Float64
    repeats: float


SHORTEST: Final = 4
"""Values from the opening on without which nothing is told: two that may be a spike, and two that show whether it is over."""

SPIKE_READINGS: Final = 2
"""What stands out no longer is a spike."""

QUIET: Final = 2.5
"""Forecast errors within which a value counts as back where it was expected …"""

QUIET_SHARE: Final = 0.25
"""… or this share of the height that the anomaly opened at, if that is more."""

RESTLESS: Final = 2.5
"""Forecast errors between two successive values, in the median, from which on a metric is noisy; one is usual."""

RESTLESS_SHARE: Final = 0.3
"""Of how far it is away, in the median: a metric that has moved far is not noisy for moving a little there."""

STUCK_DECADES: Final = 4.0
"""−log10 of the chance of so many equal values in a row, by the metric's own share of repeats."""

STRAIGHT: Final = 0.8
"""Share of the variance that a straight line explains from which on a course is a drift …"""

CLIMBED: Final = 0.1
"""… if it also rose by this share of where it stands while it was watched."""

LONG_ENOUGH: Final = 7
"""Values that a line or a median of steps takes: what there is when an anomaly closes after six quiet readings."""


def kind_of(course: Course) -> FaultKind | None:
    """The kind of fault, or null while the course is too short or tells none."""
    away = course.away[~np.isnan(course.away)]
    if len(away) < SHORTEST:
        return None
    if _decades_of_repeats(away, course.repeats) >= STUCK_DECADES:
        return FaultKind.STUCK
    middle = float(np.median(np.abs(away)))
    if len(away) >= LONG_ENOUGH and float(np.median(np.abs(np.diff(away)))) >= max(RESTLESS, RESTLESS_SHARE * middle):
        return FaultKind.NOISE
    height = float(np.abs(away[:SPIKE_READINGS]).max())
    if float(np.median(np.abs(away[SPIKE_READINGS:]))) <= max(QUIET, QUIET_SHARE * height):
        return FaultKind.SPIKE
    return FaultKind.DRIFT if _climbs(away) else FaultKind.LEVEL_SHIFT


def _decades_of_repeats(away: Float64, repeats: float) -> float:
    """−log10 of the chance of the run of equal values that the course ends with."""
    differs = np.flatnonzero(away != away[-1])
    run = len(away) - 1 - int(differs[-1]) if len(differs) else len(away)
    return -(run - 1) * float(np.log10(repeats))


def _climbs(away: Float64) -> bool:
    """Whether values move on in a straight line, away from what was expected; the first ones aside, which may stand out."""
    if len(away) < LONG_ENOUGH:
        return False
    away = away[SPIKE_READINGS:]
    at = np.arange(len(away)) - (len(away) - 1) / 2.0
    slope = float((at * away).sum() / (at * at).sum())
    explained = slope * slope * float((at * at).sum())
    whole = float(((away - away.mean()) ** 2).sum())
    climbed = slope * len(away) * float(np.sign(away.mean()))
    return explained >= STRAIGHT * whole > 0.0 and climbed >= CLIMBED * abs(float(away.mean()))
