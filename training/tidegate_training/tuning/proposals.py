"""Who says what to try next: a grid in random order, or Optuna's sampler, which learns from what came out."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Final, Protocol

import numpy as np

from tidegate.errors import DependencyError

Choice = float | int | str
Choices = Mapping[str, Sequence[Choice]]

SPACE: Final[Choices] = {
    "cell": ("plain", "peephole", "anndra"),
    "hidden": (24, 48, 96),
    "learning_rate": (1e-3, 3e-3, 1e-2),
    "smoothness": (0.0, 1e-3),
}
"""Values tried of each of the `UniversalSettings`; around those the shipped bundle was trained with."""


class Proposals(Protocol):
    """Proposes one trial at a time and hears what came of it, in turns."""

    def next(self) -> dict[str, Choice] | None:
        """Settings to try; None when there is nothing left."""
        ...

    def came_to(self, held_out: float) -> None:
        """Hear the held-out loss of the last proposal."""
        ...


class Grid:
    """Every combination once, in an order drawn from `random_state`: a few trials then look at all of the space."""

    def __init__(self, space: Choices, random_state: int) -> None:
        points = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
        self._left = [points[i] for i in np.random.default_rng(random_state).permutation(len(points))]

    def next(self) -> dict[str, Choice] | None:
        """Take the next combination."""
        return self._left.pop() if self._left else None

    def came_to(self, held_out: float) -> None:
        """A grid learns nothing."""


class Optuna:
    """Optuna's tree-structured Parzen estimator over the same choices.

    Raises:
        DependencyError: Optuna is not installed.
    """

    def __init__(self, space: Choices, random_state: int) -> None:
        try:
            import optuna  # noqa: PLC0415  # an extra, for one command
        except ImportError as error:
            raise DependencyError(
                "tuning by Optuna needs optuna", advice="pip install 'tidegate[tune]', or --method grid"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._trial: Any = None
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=random_state))

    def next(self) -> dict[str, Choice] | None:
        """Ask for a combination; one may come twice."""
        self._trial = self._study.ask()
        return {name: self._trial.suggest_categorical(name, list(values)) for name, values in self._space.items()}

    def came_to(self, held_out: float) -> None:
        """Tell the sampler."""
        self._study.tell(self._trial, held_out)


METHODS: Final[Mapping[str, Callable[[Choices, int], Proposals]]] = {"grid": Grid, "optuna": Optuna}
"""By the name `--method` takes."""
