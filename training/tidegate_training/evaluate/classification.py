"""How classifiers are judged: macro-F1 over five random states, on class blocks, beside trees, a leaky split and a canary.

- *blocks*: of each class one contiguous stretch of the recording, `TEST_SHARE` of it, is the test part; where it lies is drawn
  by the random state. Neighbours in time are near-duplicates, and a random split puts them on both sides.
- *random (leaky)*: the usual random split, shown to say what it flatters by.
- *identifiers only*: the canary. A model that sees nothing but ports; what it scores, the recording gives away.

A classifier joins by a factory that takes a random state; see `classifiers.Classifier`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate_training.evaluate.classifiers import CANARY, CLASSIFIERS, Classifier
from tidegate_training.evaluate.flow_table import Float64, FlowTable, Int64, kept_flows
from tidegate_training.evaluate.progress import Report, counting
from tidegate_training.evaluate.spread import spread

RANDOM_STATES: Final = (0, 1, 2, 3, 4)
TEST_SHARE: Final = 0.3
BLOCKS, RANDOM = "blocks", "random (leaky)"

NOTES: Final = (
    "RT-IoT2022 without ports, times and addresses; rows that then agree in all features and class are left out before any "
    "split. The shared file was de-duplicated with its ports; without them five rows in six are repeats, nearly all of one flood "
    "(63,062 rows of DOS_SYN_Hping, 52 different ones).",
    "blocks: of each class one contiguous stretch, 30 % of it, is the test part; where it lies is drawn by each of five random "
    "states. random (leaky): the usual random split, shown for comparison only.",
    "Macro-F1 is the plain mean of F1 over classes: half of the rows are of two classes, so that accuracy says little. The "
    "rarest class has 4 rows, one of them in the test part: macro-F1 moves by up to .08 with it.",
    "identifiers only sees nothing but the two ports: what it scores is given away by the recording, and no model that sees "
    "ports can claim it as its own.",
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One classifier on one split at one random state: macro-F1, accuracy, and F1 by class (NaN: class not in the test part)."""

    split: str
    name: str
    random_state: int
    macro_f1: float
    accuracy: float
    f1: Float64


def block_split(classes: Int64, random_state: int, share: float = TEST_SHARE) -> tuple[Int64, Int64]:
    """Rows of the train and of the test part: of each class one contiguous stretch, at least a row, is for the test.

    A class with a single row goes to the train part.
    """
    random = np.random.default_rng(random_state)
    tested = np.zeros(len(classes), np.bool_)
    for index in np.unique(classes):
        rows = np.flatnonzero(classes == index)
        length = max(1, round(share * len(rows))) if len(rows) > 1 else 0
        start = int(random.integers(len(rows) - length + 1))
        tested[rows[start : start + length]] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def random_split(classes: Int64, random_state: int, share: float = TEST_SHARE) -> tuple[Int64, Int64]:
    """The leaky one: rows at random, by class in proportion."""
    random = np.random.default_rng(random_state)
    tested = np.zeros(len(classes), np.bool_)
    for index in np.unique(classes):
        rows = random.permutation(np.flatnonzero(classes == index))
        tested[rows[: round(share * len(rows))]] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


SPLITS: Final = {BLOCKS: block_split, RANDOM: random_split}


def f1_by_class(truth: Int64, predicted: Int64, classes: int) -> Float64:
    """F1 of each of `classes` classes, 0 to 1; NaN for one that is neither there nor predicted.

    >>> f1_by_class(np.array([0, 0, 1]), np.array([0, 1, 1]), 3).round(3).tolist()
    [0.667, 0.667, nan]
    """
    hit = np.bincount(truth[truth == predicted], minlength=classes)
    both = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    f1: Float64 = np.divide(2.0 * hit, both, out=np.full(classes, np.nan), where=both > 0)
    return f1


def macro_f1(truth: Int64, predicted: Int64, classes: int) -> float:
    """Plain mean of F1 over the classes that are there or predicted: a rare class counts as much as a common one."""
    return float(np.nanmean(f1_by_class(truth, predicted, classes)))


def trial(
    table: FlowTable, split: str, name: str, random_state: int, factory: Callable[[int], Classifier] | None = None
) -> Trial:
    """Fit the classifier `name` on the train part and judge it on the test part; `factory` makes one not of `CLASSIFIERS`."""
    train, test = SPLITS[split](table.classes, random_state)
    seen = table.identifiers if name == CANARY else table.features
    classifier = (factory or CLASSIFIERS[name])(random_state)
    classifier.fit(seen[train], table.classes[train])
    predicted, truth = np.asarray(classifier.predict(seen[test]), dtype=np.int64), table.classes[test]
    count = len(table.class_names)
    f1 = f1_by_class(truth, predicted, count)
    return Trial(split, name, random_state, macro_f1(truth, predicted, count), float((truth == predicted).mean()), f1)


def run_trials(
    folder: Path, *, names: Sequence[str] = tuple(CLASSIFIERS), processes: int = 1, report: Report = lambda *_: None
) -> list[Trial]:
    """Every classifier of `names` on every split at every random state.

    Raises:
        InputError: as `read_flows`.
    """
    kept_flows(folder)
    jobs = [(split, name, state) for split in SPLITS for name in names for state in RANDOM_STATES]
    more = counting(report, "fits", len(jobs))
    return spread(partial(_trial, folder), jobs, processes=processes, finished=lambda _: more(1))


def _trial(folder: Path, job: tuple[str, str, int]) -> Trial:
    return trial(kept_flows(folder), *job)


def trial_figures(trials: Sequence[Trial], class_names: Sequence[str]) -> dict[str, Any]:
    """Macro-F1 and accuracy by split and classifier over random states, and F1 by class on blocks."""
    figures: dict[str, Any] = {}
    for split in SPLITS:
        mine = [one for one in trials if one.split == split]
        names = dict.fromkeys(one.name for one in mine)
        figures[split.replace(" (", "_").rstrip(")")] = {
            name: _over_states([one for one in mine if one.name == name]) for name in names
        }
    blocks = [one for one in trials if one.split == BLOCKS]
    figures["f1_by_class_on_blocks"] = {
        title: {
            name: float(np.nanmean([one.f1[index] for one in blocks if one.name == name]))
            for name in dict.fromkeys(one.name for one in blocks)
        }
        for index, title in enumerate(class_names)
    }
    return figures


def _over_states(trials: Sequence[Trial]) -> Mapping[str, float | int]:
    scores = np.array([one.macro_f1 for one in trials])
    return {
        "macro_f1": float(scores.mean()),
        "macro_f1_min": float(scores.min()),
        "macro_f1_max": float(scores.max()),
        "macro_f1_sd": float(scores.std(ddof=1)) if len(scores) > 1 else np.nan,
        "accuracy": float(np.mean([one.accuracy for one in trials])),
        "random_states": len(trials),
    }
