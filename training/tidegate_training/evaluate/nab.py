"""The NAB study: the benchmark's score of Tidegate as shipped and of the baselines, at thresholds chosen in three ways.

- *optimised*: the one threshold that is best on the scored files themselves, as the benchmark's scoreboard has it;
- *cross-fitted*: the best one of other files (five folds over files, 20 ways of folding, averaged);
- *shipped*: the alarms the service opened, under the profiles' budgets.

Scores are declustered (`episodes.records`) for every detector alike; `every_row` is without. One configuration for all files;
nothing is tuned here. Does not write anything; `commands` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.detection.learning import EPISODE_RARITY
from tidegate.errors import InputError
from tidegate.fleet.readers import scan
from tidegate.fleet.series import Series
from tidegate_training.evaluate.baselines import ALWAYS_ALARM, BASELINES, Float64, Judgement
from tidegate_training.evaluate.episodes import records
from tidegate_training.evaluate.nab_score import Ground, ground
from tidegate_training.evaluate.progress import Report
from tidegate_training.evaluate.scoring import profile_of
from tidegate_training.evaluate.verdicts import by_baseline, by_service, surprises

TIDEGATE: Final = "tidegate"
DETECTORS: Final = (TIDEGATE, *BASELINES, ALWAYS_ALARM)

UNUSUAL_SHARE: Final = 0.99
"""A baseline's reading is in an episode from this quantile of its train part's surprise on, as Tidegate's from two decades."""


@dataclass(frozen=True, slots=True)
class NabFile:
    """A file of the benchmark; one without labels has no windows."""

    path: Path
    series: Series
    ground: Ground

    @property
    def name(self) -> str:
        """Group and file, as the benchmark's labels name it."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a detector said about all rows of a file.

    `score` [T] is what alarms go by, for Tidegate in decades beyond the shipped threshold; `told` [T] the same declustered;
    `alarms` are the rows at which it alarmed at its shipped threshold.
    """

    score: Float64
    told: Float64
    alarms: list[int]


def nab_files(folder: Path, *, unlabelled: bool = False) -> list[NabFile]:
    """The labelled files of the benchmark below `folder`, in name order; with `unlabelled` also those without labels.

    Raises:
        InputError: there is none, or one is malformed.
    """
    found = [(path, series) for path, reader in scan(folder).known if reader.name == "nab" for series in reader.read(path)]
    taken = [
        NabFile(path, one, ground(len(one), one.label_windows)) for path, one in found if unlabelled or one.labels is not None
    ]
    if not taken:
        raise InputError(f"{folder}: no labelled file of the Numenta benchmark", advice="`data/` beside `labels/`, as it comes")
    return taken


def listen(
    files: Sequence[NabFile],
    configuration: CoreConfiguration,
    bundles: Sequence[Path] = (),
    *,
    detectors: Sequence[str] = DETECTORS,
    processes: int = 1,
    cache: Path | None = None,
    report: Report = lambda *_: None,
) -> dict[str, list[Said]]:
    """What each of `detectors` says about each of `files`.

    Raises:
        InputError: a detector's name is unknown, or two files have the same name.
    """
    if unknown := sorted(set(detectors) - set(DETECTORS)):
        raise InputError(f"no detector named {', '.join(unknown)}", advice=f"known: {', '.join(DETECTORS)}")
    taken = [file.series for file in files]
    said: dict[str, list[Said]] = {}
    if TIDEGATE in detectors:
        judgements = by_service(taken, configuration, bundles, processes=processes, report=report)
        said[TIDEGATE] = [_tidegate_said(*each, configuration) for each in zip(taken, judgements, strict=True)]
    rivals = [name for name in detectors if name != TIDEGATE]
    for name, found in surprises(taken, rivals, processes=processes, cache=cache, report=report).items():
        said[name] = [_baseline_said(name, *each, configuration) for each in zip(taken, found, strict=True)]
    return said


def _tidegate_said(series: Series, judgement: Judgement, configuration: CoreConfiguration) -> Said:
    assert judgement.rarity is not None, "the service's judgements have one"  # noqa: S101  # for the type checker
    beyond = judgement.rarity - judgement.threshold
    close_after = profile_of(series, configuration).alarm.close_after
    told = records(beyond, floor=EPISODE_RARITY - judgement.threshold, close_after=close_after)
    return Said(beyond, told, judgement.alarms)


def _baseline_said(name: str, series: Series, surprise: Float64, configuration: CoreConfiguration) -> Said:
    train = series.train_rows
    alarms = [row + train for row in by_baseline(series, name, surprise, configuration).alarms]
    if name == ALWAYS_ALARM:
        return Said(surprise, surprise, alarms)
    floor = float(np.nextafter(np.nanquantile(surprise[:train], UNUSUAL_SHARE), np.inf))  # above it: many are at 0
    close_after = profile_of(series, configuration).alarm.close_after
    return Said(surprise, records(surprise, floor=floor, close_after=close_after), alarms)


def told_scores(said: Mapping[str, Sequence[Said]], *, every_row: bool = False) -> dict[str, list[Float64]]:
    """The scores by detector that the benchmark is given: declustered, or of every row."""
    return {name: [one.score if every_row else one.told for one in each] for name, each in said.items()}


def file_table(files: Sequence[NabFile], said: Sequence[Said]) -> dict[str, dict[str, Any]]:
    """By file: windows, those found by shipped alarms, false alarms, and the rows (from 0) alarms opened at."""
    table = {}
    for file, one in zip(files, said, strict=True):
        alarms = [row for row in one.alarms if file.ground.counts[row]]
        met = [int(file.ground.window[row]) for row in alarms]
        table[file.name] = {
            "rows": len(file.series),
            "windows": file.ground.windows,
            "found": len({window for window in met if window >= 0}),
            "false_alarms": sum(window < 0 for window in met),
            "alarms_at_row": alarms,
        }
    return table
