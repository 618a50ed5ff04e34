"""How the held-out loss falls with the values trained on: the papers' figure, by training again on the start of every series."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tidegate_training.data.splits import Split
from tidegate_training.settings import UniversalSettings
from tidegate_training.train import Run, Trained, train

SHARES: Final = (0.125, 0.25, 0.5)
"""Shares of each training series; the whole of it is the run itself."""


def loss_by_size(
    parts: Split, settings: UniversalSettings, whole: Trained, say: Callable[[str], None] = lambda text: None
) -> dict[int, float]:
    """Best held-out loss by number of values trained on, least first; held-out lanes and updates are the same for all.

    It costs a training for each of `SHARES`.

    Raises:
        InputError: a share of the series is too short to train on.
    """
    found = {}
    for share in SHARES:
        less = replace(parts, train=[replace(one, values=one.values[: int(share * len(one.values))]) for one in parts.train])
        with TemporaryDirectory(prefix="tidegate-size-") as folder:
            trained = train(less, settings, Run(Path(folder) / "checkpoint.pt"))
        found[_values(less)] = min(trained.held_out_losses)
        say(f"{_values(less):,} values: best held-out loss {found[_values(less)]:.4f}")
    return found | {_values(parts): min(whole.held_out_losses)}


def _values(parts: Split) -> int:
    return sum(one.rows for one in parts.train)
