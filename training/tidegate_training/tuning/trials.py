"""The trials: each a short training run, judged by its held-out loss, side by side in a table."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tidegate_training.data.splits import Split
from tidegate_training.evaluate.progress import Report
from tidegate_training.settings import UniversalSettings
from tidegate_training.train import Run, train
from tidegate_training.tuning.proposals import Choice, Proposals

NOTES: Final = (
    "held_out is the pinball loss in units on lanes from series and times that no trial trained on, weighted over horizons. All "
    "trials are chosen by the same lanes and each is stopped by them, so the best one's loss flatters it.",
    "Trials are short runs: who is ahead here need not be ahead after thirty epochs. Train the first two or three in full before "
    "believing the order; differences of a percent are within what another random state changes.",
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What was tried, the best held-out loss, the epoch that had it (from 1), and CPU seconds."""

    changes: dict[str, Choice]
    held_out: float
    best_epoch: int
    cpu_seconds: float


def run_trials(
    parts: Split, base: UniversalSettings, proposals: Proposals, count: int, report: Report = lambda *_: None
) -> list[Trial]:
    """Try up to `count` proposals, each changing `base`; best first.

    Raises:
        ConfigurationError: a proposal is not a setting that training knows.
        InputError: there is nothing to train on.
    """
    done: list[Trial] = []
    while len(done) < count and (changes := proposals.next()) is not None:
        done.append(_try(parts, base, changes))
        proposals.came_to(done[-1].held_out)
        report("trials", len(done), count)
    return sorted(done, key=lambda trial: trial.held_out)


def _try(parts: Split, base: UniversalSettings, changes: dict[str, Choice]) -> Trial:
    settings: UniversalSettings = replace(base, **changes)  # type: ignore[arg-type]  # names and types are the space's
    started = time.process_time()
    with TemporaryDirectory(prefix="tidegate-tune-") as folder:
        trained = train(parts, settings, Run(Path(folder) / "checkpoint.pt"))
    return Trial(changes, min(trained.held_out_losses), trained.best_epoch + 1, time.process_time() - started)


def trial_figures(trials: Sequence[Trial], base: UniversalSettings) -> dict[str, Any]:
    """The table as a results file holds it: best first, with the settings all share."""
    rows = {
        str(place): {
            **trial.changes,
            "held_out": trial.held_out,
            "best_epoch": trial.best_epoch,
            "cpu_seconds": trial.cpu_seconds,
        }
        for place, trial in enumerate(trials, 1)
    }
    return {
        "trials": rows,
        "shared_settings": {name: value for name, value in asdict(base).items() if name not in trials[0].changes},
    }
