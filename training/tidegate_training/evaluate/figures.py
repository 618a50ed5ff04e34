"""From judgements to figures: what a detector is worth on a series, a data set and overall, under the names all pages use."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate_training.evaluate.baselines import Judgement
from tidegate_training.evaluate.events import EventCounts, count_events, poisson_interval
from tidegate_training.evaluate.points import PointCounts, count_points
from tidegate_training.evaluate.vus import vus_pr

Figures = dict[str, float | int]


@dataclass(frozen=True, slots=True)
class SeriesOutcome:
    """One detector on the test part of one series: its ranking, `vus` 0 to 1 (NaN: no event), and its counts.

    `points` are None where it is not known when alarms closed.
    """

    dataset: str
    series: str
    detector: str
    vus: float
    counts: EventCounts
    profile: str = ""
    points: PointCounts | None = None


def outcome(
    dataset: str,
    series: str,
    detector: str,
    judgement: Judgement,
    labels: NDArray[np.bool_],
    *,
    interval_seconds: float,
    profile: str = "",
) -> SeriesOutcome:
    """Hold `judgement` against `labels` [T] of the same test part."""
    counts = count_events(judgement.alarms, labels, interval_seconds=interval_seconds)
    known = len(judgement.ends) == len(judgement.alarms)
    points = count_points(judgement.alarms, judgement.ends, labels) if known else None
    return SeriesOutcome(dataset, series, detector, vus_pr(judgement.surprise, labels), counts, profile, points)


def summary(outcomes: Iterable[SeriesOutcome]) -> Figures:
    """Figures of one detector over `outcomes`: VUS-PR as the plain mean over series, events and alarms pooled.

    The interval of false alarms is Poisson, 95 %, exact; those of VUS-PR and event F1 are a bootstrap over series (95 %, 2,000
    draws).
    """
    taken = list(outcomes)
    counts = sum((item.counts for item in taken), EventCounts())
    ranked = np.array([item.vus for item in taken if not np.isnan(item.vus)])
    low, high = poisson_interval(counts.false_alarms, counts.exposure_days)
    vus_low, vus_high = bootstrap_interval(ranked)
    f1_low, f1_high = f1_interval([item.counts for item in taken])
    return {
        "vus_pr": float(ranked.mean()) if len(ranked) else np.nan,
        "vus_pr_low": vus_low,
        "vus_pr_high": vus_high,
        "event_precision": counts.precision,
        "event_recall": counts.recall,
        "event_f1": counts.f1,
        "event_f1_low": f1_low,
        "event_f1_high": f1_high,
        "false_alarms_per_device_day": counts.false_alarms_per_device_day,
        "false_alarms_per_device_day_low": low,
        "false_alarms_per_device_day_high": high,
        "delay_readings_median": _quantile(counts.delays, 0.5),
        "delay_readings_p90": _quantile(counts.delays, 0.9),
        "events": counts.events,
        "detected": counts.detected,
        "false_alarms": counts.false_alarms,
        "device_days": counts.exposure_days,
        "series": len(taken),
    }


def by_detector(outcomes: Iterable[SeriesOutcome]) -> dict[str, Figures]:
    """`summary` for each detector, in order of first appearance."""
    grouped: defaultdict[str, list[SeriesOutcome]] = defaultdict(list)
    for item in outcomes:
        grouped[item.detector].append(item)
    return {name: summary(items) for name, items in grouped.items()}


def by_dataset(outcomes: Iterable[SeriesOutcome]) -> dict[str, dict[str, Figures]]:
    """`by_detector` for each data set."""
    grouped: defaultdict[str, list[SeriesOutcome]] = defaultdict(list)
    for item in outcomes:
        grouped[item.dataset].append(item)
    return {name: by_detector(items) for name, items in grouped.items()}


def budget_by_profile(outcomes: Iterable[SeriesOutcome], budgets: Mapping[str, float]) -> dict[str, Figures]:
    """False alarms of one detector per device-day by profile, and how many times its budget that is, each with its interval.

    `budgets` are alarms per device-day by profile. The intervals are Poisson, 95 %, exact: below about eight expected alarms
    (days times budget) they tell little.
    """
    pooled: defaultdict[str, EventCounts] = defaultdict(EventCounts)
    for item in outcomes:
        pooled[item.profile] += item.counts
    return {profile: _against_budget(counts, budgets[profile]) for profile, counts in pooled.items()}


def _against_budget(counts: EventCounts, budget: float) -> Figures:
    low, high = poisson_interval(counts.false_alarms, counts.exposure_days)
    return {
        "budget": budget,
        "device_days": counts.exposure_days,
        "expected": budget * counts.exposure_days,
        "false_alarms": counts.false_alarms,
        "per_device_day": counts.false_alarms_per_device_day,
        "low": low,
        "high": high,
        "times_budget": counts.false_alarms_per_device_day / budget,
        "times_budget_low": low / budget,
        "times_budget_high": high / budget,
    }


def alarm_rates(outcomes: Iterable[SeriesOutcome]) -> dict[str, Figures]:
    """Missed-alarm and false-alarm rate by detector, reading by reading, pooled over `outcomes`."""
    pooled: defaultdict[str, PointCounts] = defaultdict(PointCounts)
    for item in outcomes:
        if item.points is not None:
            pooled[item.detector] += item.points
    return {
        name: {"missed_alarm_rate": points.missed_alarm_rate, "false_alarm_rate": points.false_alarm_rate}
        for name, points in pooled.items()
    }


def vus_by_series(outcomes: Iterable[SeriesOutcome]) -> dict[str, dict[str, float]]:
    """VUS-PR by series (`dataset/series`) and detector."""
    table: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for item in outcomes:
        table[f"{item.dataset}/{item.series}"][item.detector] = item.vus
    return dict(table)


def bootstrap_interval(values: NDArray[np.float64], *, draws: int = 2_000, random_state: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of `values`, resampled with replacement; NaN below two values."""
    if len(values) < 2:
        return np.nan, np.nan
    picked = np.random.default_rng(random_state).integers(0, len(values), size=(draws, len(values)))
    low, high = np.quantile(values[picked].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def f1_interval(counts: Sequence[EventCounts], *, draws: int = 2_000, random_state: int = 0) -> tuple[float, float]:
    """95 % interval of the pooled event F1, series resampled with replacement; NaN below two series or without an event."""
    if len(counts) < 2:
        return np.nan, np.nan
    numbers = np.array([(one.detected, one.detected + one.false_alarms + one.events, one.events) for one in counts], np.float64)
    picked = np.random.default_rng(random_state).integers(0, len(counts), size=(draws, len(counts)))
    detected, either, events = np.moveaxis(numbers[picked].sum(axis=1), 1, 0)
    known = events > 0
    if not known.any():
        return np.nan, np.nan
    low, high = np.quantile(2 * detected[known] / either[known], [0.025, 0.975])
    return float(low), float(high)


def quiet_alerts(outcomes: Iterable[SeriesOutcome], budgets: Mapping[str, float]) -> Figures:
    """False alarms of one detector over all profiles against what their budgets allow together, with its Poisson interval."""
    taken = list(outcomes)
    false, expected = sum(one.counts.false_alarms for one in taken), 0.0
    for one in taken:
        expected += budgets[one.profile] * one.counts.exposure_days
    low, high = poisson_interval(false, expected)
    ratio = false / expected if expected > 0 else np.nan
    return {
        "false_alarms": false,
        "expected": expected,
        "times_budget": ratio,
        "times_budget_low": low,
        "times_budget_high": high,
    }


def paired_difference(table: Mapping[str, Mapping[str, float]], detector: str, rival: str) -> Figures:
    """Mean VUS-PR of `detector` less that of `rival` over the series both ranked, with its bootstrap interval and wins."""
    pairs = [(row[detector], row[rival]) for row in table.values() if detector in row and rival in row]
    difference = np.array([ours - theirs for ours, theirs in pairs if not np.isnan(ours - theirs)])
    low, high = bootstrap_interval(difference)
    mean = float(difference.mean()) if len(difference) else np.nan
    return {"mean": mean, "low": low, "high": high, "wins": int((difference > 0).sum()), "series": len(difference)}


def _quantile(delays: tuple[int, ...], level: float) -> float:
    return float(np.quantile(delays, level)) if delays else np.nan
