"""A search of Hypothesis through the runs of a state machine: of the code as it is, or of a mutant until it is found out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


class Tally(Protocol):
    """What a search went through."""

    examples: int

    def add(self, machine: Any) -> None:
        """Count in a run that has ended."""
        ...


class NotFoundError(AssertionError):
    """A mutant came through the search."""


@dataclass(frozen=True, slots=True)
class Search:
    """Runs of `machine`, each of at most `steps` steps."""

    machine: type[RuleBasedStateMachine]
    steps: int

    def through(self, tally: Tally, examples: int, seed: int | None = None, **options: Any) -> None:
        """Search through `examples` runs; raises what was found, with the steps that lead there."""
        chosen = settings(
            max_examples=examples,
            stateful_step_count=self.steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **options,
        )
        run_state_machine_as_test(self._counting(tally, seed), settings=chosen)

    def hunt(
        self, tally: Tally, mutant: Callable[[], AbstractContextManager[Any]], examples: int, seed: int | None = None
    ) -> tuple[int, str]:
        """How many examples it took to find `mutant` out, and what gave it away.

        Raises:
            NotFoundError: all `examples` went well with it.
        """
        try:
            with mutant():
                self.through(tally, examples, seed, phases=[Stage.generate])
        except AssertionError as found:
            return tally.examples, str(found).splitlines()[0]
        raise NotFoundError(f"{mutant.__name__} was not found out in {tally.examples} examples")

    def _counting(self, tally: Tally, seed: int | None) -> type[RuleBasedStateMachine]:
        class Counting(self.machine):  # type: ignore[name-defined, misc]
            def teardown(self) -> None:
                try:
                    super().teardown()
                finally:
                    tally.add(self)

        return Counting if seed is None else hypothesis.seed(seed)(Counting)
