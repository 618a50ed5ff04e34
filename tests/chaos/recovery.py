"""How long until every partition commits again: seconds from a strike's end to the next committed batch of the slowest one."""

from collections.abc import Callable, Sequence

from chaos.strikes import Struck

FirstSince = Callable[[int, float], int | None]
"""When a partition first committed at or after a moment (Unix milliseconds); None when it did not."""


def recovery_seconds(struck: Sequence[Struck], first_since: FirstSince, partitions: int) -> list[float | None]:
    """For each strike the seconds to recovery, None where there was none.

    A strike that began before an earlier one was recovered from puts that recovery off: it is then counted from the later
    strike's end, so that the length of a fault never passes for slowness of ours.
    """
    return [_recovery(each, struck, first_since, partitions) for each in struck]


def _recovery(strike: Struck, struck: Sequence[Struck], first_since: FirstSince, partitions: int) -> float | None:
    end_ms = strike.ended_ms
    while True:
        recovered_ms = all_since(end_ms, first_since, partitions)
        if recovered_ms is None:
            return None
        later = max((other.ended_ms for other in struck if strike.began_ms <= other.began_ms <= recovered_ms), default=end_ms)
        if later <= end_ms:
            return max(0.0, recovered_ms - end_ms) / 1000
        end_ms = later


def all_since(moment_ms: float, first_since: FirstSince, partitions: int) -> int | None:
    """When the last of the partitions first committed at or after the moment; None while one has not."""
    firsts = [first_since(partition, moment_ms) for partition in range(partitions)]
    return None if any(first is None for first in firsts) else max(first for first in firsts if first is not None)
