"""A bounded shelf of values by id, listed in order of a key. Knows nothing of what it holds.

When it is full the oldest closed value goes; only when none is closed does the oldest open one.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tidegate.contracts.paging import PageRequest, SortKey, to_cursor
from tidegate.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    key: SortKey
    value: T
    closed: bool


class Shelf(Generic[T]):
    """At most `limit` values. `put` costs a binary search and a move of pointers, a page what it looks at."""

    def __init__(self, limit: int, *, newest_first: bool = True) -> None:
        self._limit = limit
        self._newest_first = newest_first
        self._entries: dict[str, _Entry[T]] = {}
        self._order: list[tuple[SortKey, str]] = []
        self._closed: list[tuple[SortKey, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, name: str, key: SortKey, value: T, *, closed: bool = False) -> None:
        """Keep `value` under `name`, in place of what was there; `key` says where it is listed."""
        self.drop(name)
        self._entries[name] = _Entry(key, value, closed)
        insort(self._order, (key, name))
        if closed:
            insort(self._closed, (key, name))
        if len(self._entries) > self._limit:
            self.drop((self._closed or self._order)[0][1])

    def drop(self, name: str) -> None:
        """Forget `name`; nothing happens when it is not there."""
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        _remove(self._order, (entry.key, name))
        if entry.closed:
            _remove(self._closed, (entry.key, name))

    def get(self, name: str) -> T | None:
        """The value under `name`, if it is still kept."""
        entry = self._entries.get(name)
        return entry.value if entry else None

    def page(self, request: PageRequest, keep: Callable[[T], bool]) -> tuple[list[T], str | None]:
        """Up to `request.limit` values that `keep` accepts, and the cursor of the next page (None: that was all).

        Raises:
            InputError: the cursor is of another list.
        """
        found: list[T] = []
        last: SortKey | None = None
        for name in self._names_after(request.after):
            entry = self._entries[name]
            if not keep(entry.value):
                continue
            if len(found) == request.limit:
                return found, to_cursor(last) if last else None
            found.append(entry.value)
            last = entry.key
        return found, None

    def _names_after(self, after: SortKey | None) -> Iterable[str]:
        try:
            if self._newest_first:
                end = len(self._order) if after is None else bisect_left(self._order, (after, ""))
                return (self._order[index][1] for index in range(end - 1, -1, -1))
            start = 0 if after is None else bisect_right(self._order, (after, "\U0010ffff"))
            return (self._order[index][1] for index in range(start, len(self._order)))
        except TypeError as error:
            raise InputError("the cursor is of another list", advice="start over without a cursor") from error


def _remove(order: list[tuple[SortKey, str]], item: tuple[SortKey, str]) -> None:
    del order[bisect_left(order, item)]
