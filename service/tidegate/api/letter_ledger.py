"""How many dead letters wait, by reason, and since when: those the log keeps and nobody replayed. Holds no bytes of them."""

from collections import Counter

from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.ports import LettersWaiting


class LetterLedger:
    """At most `limit` letters; beyond it the oldest of the partition at hand is no longer counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._letters: dict[int, dict[int, tuple[DeadLetterReason, int]]] = {}
        self._by_reason: Counter[DeadLetterReason] = Counter()

    def add(self, partition: int, offset: int, reason: DeadLetterReason, time_ms: int) -> None:
        """Count the letter at this place of the dead-letter topic, written there at `time_ms`; offsets rise."""
        letters = self._letters.setdefault(partition, {})
        letters[offset] = (reason, time_ms)
        self._by_reason[reason] += 1
        if self._by_reason.total() > self._limit:
            self.settle(partition, next(iter(letters)))

    def settle(self, partition: int, offset: int) -> None:
        """The letter at this place was replayed; nothing happens when it is not counted."""
        found = self._letters.get(partition, {}).pop(offset, None)
        if found is not None:
            self._by_reason[found[0]] -= 1

    def forget(self, partition: int, *, before: int) -> None:
        """The log no longer keeps what was before offset `before`."""
        letters = self._letters.get(partition, {})
        while letters and (oldest := next(iter(letters))) < before:
            self.settle(partition, oldest)

    def waiting(self) -> LettersWaiting:
        """All that wait."""
        oldest = [time_ms for letters in self._letters.values() for _, time_ms in list(letters.values())[:1]]
        return LettersWaiting(dict(+self._by_reason), min(oldest, default=None))
