"""The study itself: every contender at every random state is trained, and judged on the same labelled series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.adapters.bundles import MODEL, bundle_catalogue, shipped_bundles
from tidegate.errors import InputError
from tidegate.fleet.series import Series as Recording
from tidegate_training.data.sources import read_all
from tidegate_training.data.splits import Split, split
from tidegate_training.evaluate.baselines import Float64, surprise_of
from tidegate_training.evaluate.detection import labelled
from tidegate_training.evaluate.events import EventCounts
from tidegate_training.evaluate.figures import SeriesOutcome, paired_difference, summary, vus_by_series
from tidegate_training.evaluate.models.budget import TRAINING_STATE, Budget
from tidegate_training.evaluate.models.contenders import ABLATIONS, ANNDRA, BASELINES, CONTENDERS, PLAIN, SHIPPED
from tidegate_training.evaluate.models.fitting import Fitted, fit
from tidegate_training.evaluate.models.judging import judged, surprises, trailing_mean
from tidegate_training.evaluate.models.speed import speed
from tidegate_training.evaluate.progress import Report
from tidegate_training.evaluate.scoring import service_configuration
from tidegate_training.settings import UniversalSettings

UNTRAINED: Final = ("skab", "msl")
"""Labelled data sets of which training reads nothing; of NAB, the files that the split holds out."""

SIZES: Final = {"10k": 10_000, "100k": 100_000}
ACCURACY: Final = ("vus_pr", "event_f1")

EACH: Final = "each_reading"
SMOOTH: Final = "over_32_readings"
"""The two ways a surprise is taken: an autoencoder of a window smooths by its nature, so all others are shown smoothed too."""


@dataclass(frozen=True, slots=True)
class Material:
    """What is trained on and held out, and the labelled recordings to judge by."""

    parts: Split
    labelled: list[Recording]


def read_material(folder: Path, budget: Budget) -> Material:
    """Read the development series of training and the labelled ones that none of it touched.

    Raises:
        InputError: a data set's folder is missing, or no labelled series is left.
    """
    missing = [name for name in UNTRAINED if not (folder / name).is_dir()]
    if missing:
        raise InputError(f"{folder} has no folder {missing[0]!r}", advice="give the folder that holds all data sets")
    parts = split(read_all(folder), UniversalSettings().held_out_ratio, TRAINING_STATE)
    unseen = {one.group for one in parts.unseen if one.dataset == "nab"}
    taken = [one for name in UNTRAINED for one in _usable(folder / name, budget.longest)[: budget.series_of_each]]
    held_out = [one for one in _usable(folder / "nab", budget.longest) if one.device in unseen]
    return Material(parts, taken + held_out[: budget.series_of_each])


def _usable(folder: Path, longest: int) -> list[Recording]:
    """Labelled series of at most `longest` rows with an event in their test part."""
    every = [one for group in labelled(folder) for one in group if len(one) <= longest]
    return [one for one in every if one.labels is not None and one.labels[one.train_rows :].any()]


def run_study(
    material: Material, budget: Budget, names: Sequence[str] = tuple(CONTENDERS), report: Report = lambda *_: None
) -> dict[str, Any]:
    """Figures of the contenders `names`, the shipped bundle and the baselines.

    Raises:
        InputError: a name is not known, or there is no labelled series.
    """
    if unknown := sorted(set(names) - set(CONTENDERS)):
        raise InputError(f"no model named {', '.join(unknown)}", advice=f"known: {', '.join(CONTENDERS)}")
    if not material.labelled:
        raise InputError("no labelled series to judge models by", advice="SKAB, MSL or NAB files that training holds out")
    outcomes, fitted = Outcomes(material.labelled), dict[str, list[Fitted]]()
    jobs = [(name, state) for name in names for state in budget.random_states]
    for done, (name, state) in enumerate(jobs, 1):
        fitted.setdefault(name, []).append(fit(CONTENDERS[name], material.parts, budget, state))
        outcomes.add(name, surprises(fitted[name][-1].graph, material.labelled))
        report("models", done, len(jobs))
    outcomes.add(SHIPPED, surprises(_shipped_graph(), material.labelled))
    for name in BASELINES:
        outcomes.add(name, [surprise_of(name, one.values, one.train_rows) for one in material.labelled])
    return {
        **_frame(material, budget),
        "held_out": {name: _spread([one.held_out for one in found]) for name, found in fitted.items()},
        "cost": {name: _cost(found, budget) for name, found in fitted.items()},
        **{way: _figures(over_states(found)) for way, found in outcomes.by_way.items()},
    }


class Outcomes:
    """Outcomes of all contenders and random states, by the way a surprise is taken: as it is, and its mean over 32 readings."""

    def __init__(self, taken: Sequence[Recording]) -> None:
        self._taken, self._configuration = taken, service_configuration()
        self.by_way: dict[str, list[SeriesOutcome]] = {EACH: [], SMOOTH: []}

    def add(self, name: str, said: Sequence[Float64]) -> None:
        """Judge what one contender said of each series."""
        for way, told in ((EACH, said), (SMOOTH, [trailing_mean(one) for one in said])):
            self.by_way[way] += judged(name, self._taken, told, self._configuration)


def _shipped_graph() -> bytes:
    return (bundle_catalogue([shipped_bundles()])["universal"] / MODEL).read_bytes()


def _frame(material: Material, budget: Budget) -> dict[str, Any]:
    """What all contenders share."""
    names = [f"{one.dataset}/{one.device}" for one in material.labelled]
    return {
        "readings_trained_on": budget.readings,
        "random_states": len(budget.random_states),
        "labelled_series": len(names),
        "labelled_readings": sum(len(one) - one.train_rows for one in material.labelled),
        "series": names,
    }


def over_states(outcomes: Sequence[SeriesOutcome]) -> list[SeriesOutcome]:
    """Put the random states of a contender together by series: mean ranking, pooled counts; so series stay the unit of chance."""
    grouped: dict[tuple[str, str, str], list[SeriesOutcome]] = {}
    for one in outcomes:
        grouped.setdefault((one.detector, one.dataset, one.series), []).append(one)
    return [
        SeriesOutcome(dataset, series, detector, float(np.mean([one.vus for one in same])), _sum(same))
        for (detector, dataset, series), same in grouped.items()
    ]


def _sum(same: Sequence[SeriesOutcome]) -> EventCounts:
    return sum((one.counts for one in same), EventCounts())


def _figures(outcomes: Sequence[SeriesOutcome]) -> dict[str, Any]:
    """Accuracy of each contender, and paired differences to the plain LSTM and of ANNDRA to itself without a term."""
    table, names = vus_by_series(outcomes), list(dict.fromkeys(one.detector for one in outcomes))
    groups: dict[str, Any] = {"accuracy": {name: dict(_accuracy(outcomes, name)) for name in names}}
    if PLAIN in names:
        groups["vus_pr_less_plain_lstm"] = {name: paired_difference(table, name, PLAIN) for name in names if name != PLAIN}
    if ANNDRA in names:
        left_out = [name for name in ABLATIONS if name in names]
        groups["vus_pr_of_anndra_less_that_of"] = {name: paired_difference(table, ANNDRA, name) for name in left_out}
    return groups | {"vus_pr_by_series": table}


def _accuracy(outcomes: Sequence[SeriesOutcome], name: str) -> Iterator[tuple[str, float | int]]:
    found = summary(one for one in outcomes if one.detector == name)
    for figure in ACCURACY:
        for key in (figure, f"{figure}_low", f"{figure}_high"):
            yield key, found[key]
    for key in ("event_precision", "event_recall", "false_alarms_per_device_day"):
        yield key, found[key]


def _spread(losses: Sequence[float]) -> dict[str, float]:
    return {"pinball_units": float(np.mean(losses)), "least": float(np.min(losses)), "most": float(np.max(losses))}


def _cost(found: Sequence[Fitted], budget: Budget) -> dict[str, float | int | None]:
    """Of the first random state but for training times, which are medians over all."""
    first = found[0]
    per_reading = float(np.median([one.seconds_per_update for one in found])) / first.readings_per_update
    times = {f"training_cpu_s_{name}": _measured(first, size) for name, size in SIZES.items()}
    return {
        **times,
        "training_cpu_s_1m_extrapolated": per_reading * 1e6,
        **speed(first.graph, budget.timed_steps),
        "bytes": len(first.graph),
        "parameters": first.parameters,
    }


def _measured(one: Fitted, size: int) -> float:
    """CPU seconds until `size` readings were trained on, between two updates by proportion; NaN where it never came so far."""
    readings = one.readings_per_update * np.arange(len(one.cumulated) + 1)
    return float(np.interp(size, readings, [0.0, *one.cumulated], right=np.nan))
