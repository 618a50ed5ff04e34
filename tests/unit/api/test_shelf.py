"""The bounded shelf: order, pages, and what goes first."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.shelf import Shelf
from tidegate.contracts.paging import PageRequest, from_cursor

ITEMS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcdefghij"), st.booleans()), max_size=60)


def everything(shelf: Shelf[str], limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        items, cursor = shelf.page(PageRequest(limit, after), lambda _: True)
        found += items
        if cursor is None:
            return found
        after = from_cursor(cursor)


@given(ITEMS, st.integers(1, 7))
def test_pages_of_any_size_show_each_value_once_newest_first(items: list[tuple[int, str, bool]], limit: int) -> None:
    shelf: Shelf[str] = Shelf(100)
    for time_ms, name, closed in items:
        shelf.put(name, (time_ms, name), name, closed=closed)
    latest = {name: time_ms for time_ms, name, _ in items}
    assert everything(shelf, limit) == sorted(latest, key=lambda name: (latest[name], name), reverse=True)


@given(ITEMS, st.integers(1, 5))
def test_it_never_holds_more_than_its_limit_and_forgets_the_closed_first(items: list[tuple[int, str, bool]], limit: int) -> None:
    shelf: Shelf[bool] = Shelf(limit)
    for time_ms, name, closed in items:
        before, _ = shelf.page(PageRequest(1000), lambda _: True)
        known = shelf.get(name) is not None
        shelf.put(name, (time_ms, name), closed, closed=closed)
        assert len(shelf) <= limit
        if not known and len(before) == limit and (closed or any(before)):
            open_before = before.count(False)
            now, _ = shelf.page(PageRequest(1000), lambda _: True)
            assert now.count(False) == open_before + (not closed)


def test_a_value_that_arrives_between_two_pages_neither_repeats_nor_hides_another() -> None:
    shelf: Shelf[str] = Shelf(10)
    for time_ms in (1, 2, 3, 4):
        shelf.put(str(time_ms), (time_ms, str(time_ms)), str(time_ms))
    first, cursor = shelf.page(PageRequest(2), lambda _: True)
    shelf.put("5", (5, "5"), "5")
    second, _ = shelf.page(PageRequest(2, from_cursor(cursor or "")), lambda _: True)
    assert first + second == ["4", "3", "2", "1"]


def test_a_filter_fills_the_page_with_what_it_keeps() -> None:
    shelf: Shelf[int] = Shelf(100, newest_first=False)
    for number in range(50):
        shelf.put(f"{number:02}", ("site", f"{number:02}"), number)
    items, cursor = shelf.page(PageRequest(5), lambda number: number % 10 == 0)
    assert items == [0, 10, 20, 30, 40]
    assert cursor is None
