"""Held-out lanes: fixed, complete, from series and times training never saw."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tidegate.errors import InputError
from tidegate_training.data.lanes import FEWEST_VALUES, Lane, Window, lane_of, side_by_side
from tidegate_training.data.series import Series
from tidegate_training.data.splits import Split
from tidegate_training.settings import UniversalSettings

LANES_PER_DATASET: Final = 48
"""Held-out lanes of each data set and kind (unseen series, later time): every data set counts the same."""

FEWEST_LANES: Final = 4
"""The same of devices that have many metrics."""


def held_out_windows(split: Split, settings: UniversalSettings) -> list[Window]:
    """Return the held-out lanes side by side, cut into windows; every lane starts fresh in the first.

    Raises:
        InputError: nothing held out is long enough and moves: a run could not know when to stop.
    """
    lanes = [lane for _, lane in held_out_lanes(split, settings)]
    if not lanes:
        raise InputError(
            f"of {len(split.unseen) + len(split.later)} series held out none has {2 * FEWEST_VALUES} values and is not constant",
            advice="give longer series, or more of them",
        )
    return windows_of(lanes, settings.window)


def held_out_lanes(split: Split, settings: UniversalSettings) -> list[tuple[Series, Lane]]:
    """Return up to `LANES_PER_DATASET` lanes of each data set from unseen series, and as many from later time."""
    rng = np.random.default_rng([settings.random_state, 1])
    lanes = []
    for part in (split.unseen, split.later):
        for dataset in sorted({one.dataset for one in part}):
            usable = [
                one for one in part if one.dataset == dataset and one.rows >= 2 * FEWEST_VALUES and np.nanstd(one.values) > 0
            ]
            for i in range(_lanes(usable[0]) if usable else 0):
                one = usable[i % len(usable)]
                start = int(rng.integers(max(1, len(one.values) - settings.validation_readings)))
                cut = one.values[start : start + settings.validation_readings]
                if np.isfinite(cut).sum() >= FEWEST_VALUES:
                    lanes.append((one, lane_of(cut)))
    return lanes


def _lanes(one: Series) -> int:
    """Return how many lanes of a data set are held out: each of a device with many metrics holds as many rows."""
    return max(LANES_PER_DATASET // len(one.columns), FEWEST_LANES)


def windows_of(lanes: Sequence[Lane], window: int) -> list[Window]:
    """Return `lanes` side by side in windows of `window` readings; shorter lanes are padded with masked readings."""
    readings = -(-max(len(lane) for lane in lanes) // window) * window
    whole = side_by_side(lanes, [0] * len(lanes), readings)
    return [_window(whole, at, window) for at in range(0, readings, window)]


def _window(whole: Window, at: int, window: int) -> Window:
    """Return the readings `at` to `at + window` of all lanes; they start afresh in the first."""
    cut = slice(at, at + window)
    return Window(whole.x[cut], whole.mask[cut], whole.dt[cut], whole.targets[cut], reset=np.full(len(whole.reset), at == 0))
