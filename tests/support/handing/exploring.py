"""Runs the search for two owners, on the code as it is or on a mutant until it is found out."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis.stateful import run_state_machine_as_test

from support.handing.machine import Exploration

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


class NotFoundError(AssertionError):
    """A mutant came through the search."""


def explore(examples: int, seed: int | None = None, **options: Any) -> Tally:
    """Search through `examples` runs of the code as it is; raises what was found, with the steps that lead there."""
    tally = Tally()
    run_state_machine_as_test(_counting(tally, seed), settings=_settings(examples, **options))
    return tally


def hunt(mutant: Callable[[], AbstractContextManager[Any]], examples: int, seed: int | None = None) -> tuple[int, str]:
    """How many examples it took to find `mutant` out, and what gave it away.

    Raises:
        NotFoundError: all `examples` went well with it.
    """
    tally = Tally()
    try:
        with mutant():
            run_state_machine_as_test(_counting(tally, seed), settings=_settings(examples, phases=[Stage.generate]))
    except AssertionError as found:
        return tally.examples, str(found).splitlines()[0]
    raise NotFoundError(f"{mutant.__name__} was not found out in {tally.examples} examples")


def _settings(examples: int, **options: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )


def _counting(tally: Tally, seed: int | None) -> type[Exploration]:
    class Counting(Exploration):
        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                tally.add(self)

    return Counting if seed is None else hypothesis.seed(seed)(Counting)
