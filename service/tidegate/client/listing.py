"""Lists of any length, read page by page as they are needed."""

from collections.abc import AsyncIterator, Mapping
from typing import Generic, TypeVar

from tidegate.client.errors import ForeignAnswerError
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.paging import MAX_PAGE, Page

T = TypeVar("T")


class Listing(Generic[T]):
    """`async for item in listing` reads all pages; `page()` reads one; `first(n)` reads no more than it takes.

    Nothing is asked before it is needed, and each use starts over. Items neither repeat nor are skipped because new ones came.
    """

    def __init__(
        self,
        wire: Wire,
        route: Route,
        kind: type[Page[T]],
        names: dict[str, str] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> None:
        self._wire = wire
        self._route = route
        self._kind = kind
        self._names = names
        self._query = query or {}

    async def page(self, *, limit: int = 100, cursor: str | None = None) -> Page[T]:
        """One page of at most `limit` items (1 to 1,000): the first, or the one after `cursor`. Raises as any request."""
        return await self._wire.ask(self._route, self._kind, self._names, query={**self._query, "limit": limit, "cursor": cursor})

    async def pages(self, *, limit: int = MAX_PAGE) -> AsyncIterator[Page[T]]:
        """All pages, with how fresh each is."""
        cursor: str | None = None
        while True:
            page = await self.page(limit=limit, cursor=cursor)
            yield page
            if page.next_cursor is None:
                return
            cursor = self._next(cursor, page.next_cursor)

    async def first(self, count: int) -> list[T]:
        """The first `count` items, or fewer when there are no more."""
        found: list[T] = []
        cursor: str | None = None
        while len(found) < count:
            page = await self.page(limit=min(count - len(found), MAX_PAGE), cursor=cursor)
            found += page.items
            if page.next_cursor is None:
                break
            cursor = self._next(cursor, page.next_cursor)
        return found[:count]

    async def all(self) -> list[T]:
        """Every item; mind how many there may be."""
        return [item async for item in self]

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    def _next(self, before: str | None, cursor: str) -> str:
        if cursor == before:
            raise ForeignAnswerError(f"{self._wire.url} gives the same page of {self._route.template} again and again")
        return cursor
