"""Pages over lists that are made whole at each question, as live state is."""

from collections.abc import Callable, Sequence
from heapq import nsmallest
from typing import TypeVar

from tidegate.contracts.paging import AsOf, Page, PageRequest, SortKey, to_cursor
from tidegate.errors import InputError

T = TypeVar("T")


def page_of(items: Sequence[T], request: PageRequest, key: Callable[[T], SortKey], now_ms: int) -> Page[T]:
    """The page of `items` by rising `key`, which names one item each and starts with text.

    Raises:
        InputError: the cursor is another list's.
    """
    after = request.after
    if after is not None and not isinstance(after[0], str):
        raise InputError("the cursor is of another list", advice="start over without a cursor")
    rest = items if after is None else [item for item in items if key(item) > after]
    shown = nsmallest(request.limit, rest, key=key)
    cursor = to_cursor(key(shown[-1])) if len(rest) > request.limit else None
    return Page(shown, cursor, AsOf(now_ms))
