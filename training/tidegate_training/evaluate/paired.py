"""Paired intervals: how two policies differ on the same stretches of time, by a bootstrap over blocks of it.

Intervals follow one another and are alike; blocks as long as a day (or a part of one, where there are few days) are drawn
whole, the same ones for both policies.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate_training.evaluate.backtest_tally import Tally

DRAWS: Final = 1000
FEWEST_BLOCKS: Final = 8
"""Below it an interval would mean nothing: blocks are made shorter, halving, until there are so many."""


def blocks_of(chosen: NDArray[np.int64], per_day: int) -> list[NDArray[np.int64]]:
    """`chosen` intervals in blocks of a day, or of a half, quarter … of one where there are fewer than `FEWEST_BLOCKS`."""
    length = per_day
    while length > 1 and len(chosen) // length < FEWEST_BLOCKS:
        length //= 2
    return [chosen[start : start + length] for start in range(0, len(chosen) - length + 1, length)] or [chosen]


def differences(ours: Tally, theirs: Tally, blocks: Sequence[NDArray[np.int64]], random_state: int = 0) -> dict[str, list[float]]:
    """`ours` less `theirs` by figure, with the 95 % interval over `blocks`: [difference, low, high]."""
    return intervals(partial(_difference, ours, theirs), blocks, random_state)


def intervals(
    figures: Callable[[NDArray[np.int64]], Mapping[str, float]], blocks: Sequence[NDArray[np.int64]], random_state: int = 0
) -> dict[str, list[float]]:
    """What `figures` says of the intervals of all `blocks`, with the 95 % interval over them: [figure, low, high], by name."""
    random = np.random.default_rng(random_state)
    whole = figures(np.concatenate(blocks))
    drawn = [figures(np.concatenate([blocks[at] for at in random.integers(0, len(blocks), len(blocks))])) for _ in range(DRAWS)]
    names = list(whole)
    low, high = np.quantile([[draw[name] for name in names] for draw in drawn], [0.025, 0.975], axis=0)
    return {name: [whole[name], float(low[at]), float(high[at])] for at, name in enumerate(names)}


def _difference(ours: Tally, theirs: Tally, chosen: NDArray[np.int64]) -> dict[str, float]:
    one, other = ours.of(chosen), theirs.of(chosen)
    return {name: one[name] - other[name] for name in one}
