"""The robustness study: what is left of detection when a tenth of the sensors is missing, and how soon a level shift is told.

Real series, altered (`injections`); the service and the baselines judge them as in the detection study, at the shipped
threshold. Does not write anything; `commands` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import DeviceId
from tidegate.errors import InputError
from tidegate.fleet.series import Series
from tidegate_training.evaluate.baselines import ALWAYS_ALARM, BASELINES, Judgement
from tidegate_training.evaluate.detection import TIDEGATE, labelled
from tidegate_training.evaluate.events import EventCounts, count_events
from tidegate_training.evaluate.injections import AFTER_READINGS, Shifted, quiet_stretch, shifted, without_sensors
from tidegate_training.evaluate.progress import Report
from tidegate_training.evaluate.scoring import on_test_part
from tidegate_training.evaluate.verdicts import by_baseline, by_service, surprises

DETECTORS: Final = (TIDEGATE, *BASELINES, ALWAYS_ALARM)
LOST_SHARE: Final = 0.1
FEWEST_METRICS: Final = 5
"""Metrics a device needs for one of them to be about a tenth."""

SHIFTS_PER_SERIES: Final = 3

NOTES: Final = (
    "sensor_loss: in SMD, ASD and SKAB a tenth of each device's metrics (at least one) is never observed again from the test "
    "part on; event F1 pooled over devices, before and after, and the drop as a share; its interval is a bootstrap over devices.",
    "level_shifts: the longest unlabelled stretch of each labelled series, at most 3,000 readings, with one metric up or down by "
    "4 of its standard deviations for the last 100; three draws a series. A shift is found when an alarm opens within those 100; "
    "delays are in readings, and one that is not found is infinite (shown as –). On a smooth series 4 standard deviations are "
    "much, on a bursty one they are everyday.",
    "alarms_before counts alarms in the second half of the stretch before the shift, once for each draw: what the speed is paid "
    "with.",
)


@dataclass(frozen=True, slots=True)
class RobustnessStudy:
    """Event counts by detector and device, intact and with sensors missing; by detector what it said of each shifted stretch."""

    intact: dict[str, list[EventCounts]]
    lost: dict[str, list[EventCounts]]
    shifts: list[Shifted]
    said: dict[str, list[Judgement]]


def run_robustness(
    folder: Path,
    configuration: CoreConfiguration,
    bundles: Sequence[Path] = (),
    *,
    detectors: Sequence[str] = DETECTORS,
    limit: int | None = None,
    processes: int = 1,
    report: Report = lambda *_: None,
) -> RobustnessStudy:
    """Alter and judge the labelled series of `folder`, at most `limit` of each data set.

    Raises:
        InputError: no labelled series there.
    """
    taken = [series for group in labelled(folder, limit) for series in group]
    if not taken:
        raise InputError(f"{folder}: no labelled series with a train part", advice="SMD, ASD, NAB, KPI, SKAB or MSL")
    many = [series for series in taken if len(series.metrics) >= FEWEST_METRICS and series.dataset != "msl"]
    poorer = [without_sensors(series, LOST_SHARE, place) for place, series in enumerate(many)]
    shifts = _shifts(taken)
    judged = {
        what: judgements(altered, configuration, bundles, detectors, processes=processes, report=_about(what, report))
        for what, altered in (("intact", many), ("lost", poorer), ("shifted", [one.series for one in shifts]))
    }
    return RobustnessStudy(_counts(many, judged["intact"]), _counts(many, judged["lost"]), shifts, judged["shifted"])


def _shifts(taken: Sequence[Series]) -> list[Shifted]:
    found = []
    for place, series in enumerate(taken):
        stretch = quiet_stretch(series)
        if stretch is None:
            continue
        for draw in range(SHIFTS_PER_SERIES):
            own = replace(stretch, device=DeviceId(f"{series.device}-{draw}"))
            one = shifted(own, SHIFTS_PER_SERIES * place + draw)
            found += [one] if one is not None else []
    return found


def judgements(
    taken: Sequence[Series],
    configuration: CoreConfiguration,
    bundles: Sequence[Path],
    detectors: Sequence[str],
    *,
    processes: int,
    report: Report,
) -> dict[str, list[Judgement]]:
    """What each detector says of the test part of each series."""
    found: dict[str, list[Judgement]] = {}
    if TIDEGATE in detectors and taken:
        whole = by_service(taken, configuration, bundles, processes=processes, report=report)
        found[TIDEGATE] = [on_test_part(one, series.train_rows) for one, series in zip(whole, taken, strict=True)]
    rivals = [name for name in detectors if name != TIDEGATE]
    for name, told in surprises(taken, rivals, processes=processes, report=report).items():
        found[name] = [by_baseline(series, name, one, configuration) for series, one in zip(taken, told, strict=True)]
    return found


def _about(what: str, report: Report) -> Report:
    return lambda name, done, total: report(f"{what}: {name}", done, total)


def _counts(taken: Sequence[Series], judged: Mapping[str, Sequence[Judgement]]) -> dict[str, list[EventCounts]]:
    labels = [series.part("test").labels for series in taken]
    return {
        name: [
            count_events(one.alarms, label, interval_seconds=series.interval_seconds)
            for one, series, label in zip(said, taken, labels, strict=True)
            if label is not None
        ]
        for name, said in judged.items()
    }


def robustness_figures(study: RobustnessStudy) -> dict[str, Any]:
    """The figures as a results file holds them."""
    datasets = list(dict.fromkeys(one.series.dataset for one in study.shifts))
    by_dataset = {name: shift_figures(study.shifts, study.said[TIDEGATE], name) for name in datasets if TIDEGATE in study.said}
    return {
        "sensor_loss": {name: loss_figures(study.intact[name], study.lost[name]) for name in study.intact},
        "level_shifts": {name: shift_figures(study.shifts, said) for name, said in study.said.items()},
        "level_shifts_tidegate_by_data_set": by_dataset,
    }


def loss_figures(intact: Sequence[EventCounts], lost: Sequence[EventCounts]) -> dict[str, float | int]:
    """Event F1 before and after, and the drop as a share of it, with a bootstrap over devices (2,000 draws)."""
    before, after = _pooled_f1(intact), _pooled_f1(lost)
    picked = np.random.default_rng(0).integers(0, max(len(intact), 1), size=(2_000, len(intact)))
    drops = [_drop(_pooled_f1([intact[at] for at in row]), _pooled_f1([lost[at] for at in row])) for row in picked.tolist()]
    known = np.array([drop for drop in drops if np.isfinite(drop)])
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return {
        "devices": len(intact),
        "f1_intact": before,
        "f1_lost": after,
        "drop": _drop(before, after),
        "drop_low": float(low),
        "drop_high": float(high),
        "false_alarms_intact": sum(one.false_alarms for one in intact),
        "false_alarms_lost": sum(one.false_alarms for one in lost),
    }


def _pooled_f1(counts: Sequence[EventCounts]) -> float:
    events, detected = sum(one.events for one in counts), sum(one.detected for one in counts)
    return 2 * detected / (detected + sum(one.false_alarms for one in counts) + events) if events else np.nan


def _drop(before: float, after: float) -> float:
    return 1 - after / before if before > 0 else np.nan


def shift_figures(shifts: Sequence[Shifted], said: Sequence[Judgement], dataset: str | None = None) -> dict[str, float | int]:
    """Share of shifts found, and the delay over all of them: infinite where not found."""
    delays, before = [], 0
    for one, judgement in zip(shifts, said, strict=True):
        if dataset not in (None, one.series.dataset):
            continue
        at = one.at - one.series.train_rows
        after = [row - at for row in judgement.alarms if at <= row < at + AFTER_READINGS]
        before += sum(row < at for row in judgement.alarms)
        delays.append(float(after[0]) if after else np.inf)
    told = np.array(delays)
    return {
        "shifts": len(told),
        "found": float(np.isfinite(told).mean()) if len(told) else np.nan,
        "delay_median": _rank(told, 0.5),
        "delay_p90": _rank(told, 0.9),
        "delay_median_of_found": _rank(told[np.isfinite(told)], 0.5),
        "alarms_before": before,
    }


def _rank(delays: "np.ndarray[Any, np.dtype[np.float64]]", level: float) -> float:
    """The delay that `level` of all shifts are told within; infinite where so many are not found."""
    return float(np.quantile(delays, level, method="higher")) if len(delays) else np.nan
