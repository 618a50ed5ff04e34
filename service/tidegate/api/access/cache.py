"""A bounded memory of what was true a moment ago."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most `size` values with the time each was put, in seconds; the one put or asked for longest ago goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, since: float) -> V | None:
        """The value of `key`, if it was put at `since` or later."""
        found = self._kept.get(key)
        if found is None or found[0] < since:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def holds(self, key: K, since: float) -> bool:
        """Whether `key` was put at `since` or later, whatever its value."""
        found = self._kept.get(key)
        return found is not None and found[0] >= since

    def put(self, key: K, value: V, now: float) -> None:
        """Remember `value`."""
        self._kept[key] = (now, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget `key`. Idempotent."""
        self._kept.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)
