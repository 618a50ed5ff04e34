"""Runs the search for two owners, on the code as it is or on a mutant until it is found out."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from support.handing.machine import Exploration
from support.searching import Search

STEPS = 50
"""Of one example, at most."""


@dataclass
class Tally:
    """What a search went through."""

    examples: int = 0
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, machine: Exploration) -> None:
        """Count in a run that has ended."""
        self.examples += 1
        self.steps += machine.steps
        self.counts += Counter(machine.world.counts)


_SEARCH = Search(Exploration, STEPS)


def explore(examples: int, seed: int | None = None, **options: Any) -> Tally:
    """Search through `examples` runs of the code as it is; raises what was found, with the steps that lead there."""
    tally = Tally()
    _SEARCH.through(tally, examples, seed, **options)
    return tally


def hunt(mutant: Callable[[], AbstractContextManager[Any]], examples: int, seed: int | None = None) -> tuple[int, str]:
    """As `Search.hunt`."""
    return _SEARCH.hunt(Tally(), mutant, examples, seed)
