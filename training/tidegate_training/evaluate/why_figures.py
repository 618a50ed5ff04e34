"""Figures of the study of reasons: a confusion matrix, precision and recall by kind, and what removing a metric does. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tidegate.contracts.anomaly import FaultKind
from tidegate_training.evaluate.attribution_check import Removal
from tidegate_training.evaluate.kinds_told import Case, Told
from tidegate_training.evaluate.why import REPORTED, WhyStudy

DRAWS: Final = 2_000

KINDS: Final = (
    FaultKind.SPIKE,
    FaultKind.LEVEL_SHIFT,
    FaultKind.STUCK,
    FaultKind.NOISE,
    FaultKind.DRIFT,
    FaultKind.DROPOUT,
    FaultKind.CLOCK,
    FaultKind.LINK,
)
"""Kinds that a fault may be of, in the order of pages."""

NOT_FOUND: Final = "not found"


def why_figures(study: WhyStudy) -> dict[str, Any]:
    """The figures as a results file holds them."""
    figures: dict[str, Any] = {}
    for name, halves in (("injected", study.injected), ("simulated", study.simulated)):
        reported, chosen_on = halves[REPORTED], halves[1 - REPORTED]
        figures[name] = summary(reported) | {"chosen_on_accuracy": _accuracy(_found(chosen_on.cases))}
        figures[f"{name}_kinds"] = {kind.value: of_kind(reported.cases, kind) for kind in KINDS if _of(reported.cases, kind)}
        figures[f"{name}_confusion"] = confusion(reported.cases)
    figures["attribution"] = attribution(study.removals)
    return figures


def summary(told: Told) -> dict[str, Any]:
    """Over all kinds: how often the kind is right among the faults found, at the end and at the opening, and the baseline."""
    found = _found(told.cases)
    low, high = interval(found, _accuracy)
    commonest = Counter(case.truth.kind for case in found).most_common(1)
    return {
        "cases": len(told.cases),
        "found": len(found),
        "accuracy": _accuracy(found),
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_at_opening": _share([case.at_opening is case.truth.kind for case in found]),
        "commonest": commonest[0][1] / len(found) if found else float("nan"),
        "elsewhere": len(told.elsewhere),
        "elsewhere_kinds": ", ".join(f"{kind.value} {count}" for kind, count in Counter(told.elsewhere).most_common()),
    }


def of_kind(cases: Sequence[Case], kind: FaultKind) -> dict[str, float | int]:
    """Precision and recall of one kind with intervals."""
    mine, found = _of(cases, kind), _found(cases)
    figures: dict[str, float | int] = {"cases": len(mine), "found": len(_found(mine))}
    for name, part, measure in (
        ("precision", [case for case in found if case.told is kind], _accuracy),
        ("recall", _found(mine), _accuracy),
        ("recall_of_all", mine, _accuracy),
    ):
        figures[name] = measure(part)
        figures[f"{name}_low"], figures[f"{name}_high"] = interval(part, measure)
    return figures


def confusion(cases: Sequence[Case]) -> dict[str, dict[str, int]]:
    """Rows are what the fault was, columns what it was told as."""
    names = [kind.value for kind in KINDS] + [kind.value for kind in FaultKind if kind not in KINDS] + [NOT_FOUND]
    counts = {kind.value: Counter(case.told.value if case.told else NOT_FOUND for case in _of(cases, kind)) for kind in KINDS}
    used = [name for name in names if counts.get(name) or any(counts[row][name] for row in counts)]
    return {row: {name: counts[row][name] for name in used} for row in counts if counts[row]}


def attribution(removed: Sequence[Removal]) -> dict[str, Any]:
    """What becomes of the score of an anomaly without the metric that it names, and without another."""
    scored = [each for each in removed if each.whole >= each.threshold]
    figures: dict[str, Any] = {
        "anomalies": len(removed),
        "opened_by_score": len(scored),
        "labelled": sum(each.labelled for each in scored),
        "named_share_median": float(np.median([each.named_share for each in scored])) if scored else float("nan"),
    }
    measures: dict[str, Callable[[Sequence[Removal]], float]] = {
        "fell_without_named": lambda part: _share([each.without_named < each.threshold for each in part]),
        "fell_without_half": lambda part: _share([each.without_half < each.threshold for each in part]),
        "fell_without_random": lambda part: _mean(
            [_share([one < each.threshold for one in each.without_random]) for each in part]
        ),
        "fall_without_named": lambda part: _mean([each.whole - each.without_named for each in part]),
        "fall_without_random": lambda part: _mean([each.whole - _mean(each.without_random) for each in part]),
        "fall_named_less_random": lambda part: _mean([_mean(each.without_random) - each.without_named for each in part]),
    }
    for name, measure in measures.items():
        figures[name] = measure(scored)
        figures[f"{name}_low"], figures[f"{name}_high"] = interval(scored, measure)
    return figures


def interval(part: Sequence[Any], measure: Callable[[Sequence[Any]], float]) -> tuple[float, float]:
    """95 % of `measure` over bootstrap draws of the series that `part` is from."""
    units: dict[str, list[Any]] = {}
    for each in part:
        units.setdefault(each.unit if isinstance(each, Removal) else each.truth.unit, []).append(each)
    groups, random = list(units.values()), np.random.default_rng(0)
    if not groups:
        return float("nan"), float("nan")
    picked = random.integers(0, len(groups), size=(DRAWS, len(groups))).tolist()
    drawn = [measure([each for at in row for each in groups[at]]) for row in picked]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _of(cases: Sequence[Case], kind: FaultKind) -> list[Case]:
    return [case for case in cases if case.truth.kind is kind]


def _found(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if case.told is not None]


def _accuracy(cases: Sequence[Case]) -> float:
    return _share([case.told is case.truth.kind for case in cases])


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / len(marks) if marks else float("nan")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
