"""How far a study is: who hears of it, and a count that says it."""

from collections.abc import Callable
from typing import Protocol


class Report(Protocol):
    """Told how far something is: what, how much is done, how much there is."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Show it."""
        ...


def counting(report: Report, what: str, total: int) -> Callable[[int], None]:
    """A function that is told how much more of `total` is done, and reports how much that makes."""
    done = 0

    def more(amount: int) -> None:
        nonlocal done
        done += amount
        report(what, done, total)

    return more
