"""Time to drain: how long until nothing waits, at the rates of the last half minute. Pure: time comes in with each look."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

WINDOW_SECONDS: Final = 30.0
"""Of the moving rates: long enough to see through single batches, short enough to follow a flood."""


class Drain:
    """The lag of one partition's inputs over the last while. How fast it falls is what goes out less what comes in."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Mapping[str, int]]] = deque()

    def look(self, now_seconds: float, lag: Mapping[str, int]) -> dict[str, float]:
        """Take note of the records not yet taken, by topic, and return the seconds until there are none.

        0 when nothing waits, infinite when the lag does not fall, NaN while there is only one look to judge by.
        """
        self._looks.append((now_seconds, lag))
        while now_seconds - self._looks[0][0] > WINDOW_SECONDS:
            self._looks.popleft()
        since, before = self._looks[0]
        return {topic: _seconds(waiting, before.get(topic, 0) - waiting, now_seconds - since) for topic, waiting in lag.items()}


def _seconds(waiting: int, fell: int, within_seconds: float) -> float:
    if waiting == 0:
        return 0.0
    if within_seconds <= 0:
        return math.nan
    return waiting * within_seconds / fell if fell > 0 else math.inf
