"""Notices transactions that somebody left open: they hold the last stable offset, and with it every read-committed reader."""

from dataclasses import dataclass

from tidegate.ports import Clock


@dataclass(frozen=True, slots=True)
class _Standstill:
    stable_end: int
    since: float


class Held:
    """By topic (as it is called on the cluster) and partition: since when the last stable offset stands below the end.

    Every transaction holds it for as long as it takes; only one that does not end lets it stand still.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._standing: dict[tuple[str, int], _Standstill] = {}

    def seen(self, topic: str, partition: int, end: int, stable_end: int) -> None:
        """A fetch told the end of a partition (high watermark) and how far of it is settled (last stable offset)."""
        name = (topic, partition)
        before = self._standing.get(name)
        if end <= stable_end:
            self._standing.pop(name, None)
        elif before is None or before.stable_end != stable_end:
            self._standing[name] = _Standstill(stable_end, self._clock.monotonic())

    def seconds(self, topic: str, partition: int) -> float:
        """For how long the partition has been held at the same place; 0 when it is not."""
        standing = self._standing.get((topic, partition))
        return 0.0 if standing is None else self._clock.monotonic() - standing.since
