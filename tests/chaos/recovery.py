"""How long until every partition commits again: seconds from a strike's end to the next committed batch of the slowest one.

And how long they stood still: a worker that stands still for longer than its session should not take its partitions along.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from chaos.strikes import Struck

FirstSince = Callable[[int, float], int | None]
"""When a partition first committed at or after a moment (Unix milliseconds); None when it did not."""


def recovery_seconds(struck: Sequence[Struck], first_since: FirstSince, partitions: int) -> list[float | None]:
    """For each strike the seconds to recovery, None where there was none.

    Where another strike lasts on, or began before the recovery, it is counted from the end of the last of them, so that the
    length of a fault never passes for slowness of ours.
    """
    return [_recovery(each, struck, first_since, partitions) for each in struck]


def _recovery(strike: Struck, struck: Sequence[Struck], first_since: FirstSince, partitions: int) -> float | None:
    end_ms = strike.ended_ms
    while True:
        recovered_ms = all_since(end_ms, first_since, partitions)
        if recovered_ms is None:
            return None
        later = max((other.ended_ms for other in struck if other.began_ms <= recovered_ms), default=end_ms)
        if later <= end_ms:
            return max(0.0, recovered_ms - end_ms) / 1000
        end_ms = later


def all_since(moment_ms: float, first_since: FirstSince, partitions: int) -> int | None:
    """When the last of the partitions first committed at or after the moment; None while one has not."""
    firsts = [first_since(partition, moment_ms) for partition in range(partitions)]
    return None if any(first is None for first in firsts) else max(first for first in firsts if first is not None)


def stall_seconds(strike: Struck, commits: Mapping[int, Iterable[int]], recovery: float | None) -> float:
    """The longest time that any partition did not commit, from the strike's beginning to its recovery, which may be None.

    `commits` are the moments (Unix milliseconds) of each partition's batches, in order.
    """
    until_ms = strike.ended_ms + 1000 * (recovery or 0.0)
    gaps = [
        min(later, until_ms) - max(earlier, strike.began_ms)
        for moments in commits.values()
        for earlier, later in pairwise([strike.began_ms, *moments, until_ms])
        if later > strike.began_ms and earlier < until_ms
    ]
    return max([0.0, *gaps]) / 1000
