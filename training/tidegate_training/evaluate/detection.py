"""The detection study: Tidegate's shipped configuration beside plain baselines on every labelled series of a folder.

Track A (spec: detection quality, rule 5): one frozen bundle; a series' own train part is streamed as history, figures count
on its test part only. Nothing is tuned here and no threshold is chosen here. Does not write anything; `commands` does.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from tidegate.contracts.codec import digest
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.forecaster import Forecaster
from tidegate.errors import InputError
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.series import Series
from tidegate_training.evaluate.baselines import ALWAYS_ALARM, BASELINES, Judgement, judge
from tidegate_training.evaluate.figures import (
    SeriesOutcome,
    by_dataset,
    by_detector,
    outcome,
    paired_difference,
    vus_by_series,
)
from tidegate_training.evaluate.scoring import judge_by_service, on_test_part, profile_of

TIDEGATE: Final = "tidegate"
DETECTORS: Final = (TIDEGATE, *BASELINES, ALWAYS_ALARM)

DEVELOPMENT_NOTE: Final = (
    "The shared data sets are development data: the bundle was trained on parts of NAB, KPI, SMD and Bitbrains (see its "
    "manifest), and streams and settings were chosen with these sets in sight. Figures on series nobody here tunes on may be "
    "lower."
)

NOTES: Final = (
    "Track A: the train part of each series (the first min(15 %, 750 rows) of a NAB file) is streamed as history; figures count "
    "on the rest. Series without labels or without a train part are left out.",
    "Tidegate runs as shipped: universal bundle, shipped profiles, threshold from the alert budget. Its surprise is the "
    "combined evidence before the device's own calibration, as the service reports it.",
    "VUS-PR: 250 thresholds, buffers of 0 to 100 readings, plain mean over the series that have an event (interval: bootstrap "
    "over series).",
    "An event is a run of labelled readings; it is detected when an alarm opens within it; a false alarm opens outside every "
    "event (no tolerance). Precision counts detected events against false alarms. Rates are per 24 h of unlabelled readings, "
    "with an exact Poisson 95 % interval. Delay is in readings, over detected events.",
    DEVELOPMENT_NOTE,
    "Baselines are fitted on the train part; their threshold spends the profile's alert budget on its later half. `random` and "
    "`always-alarm` are what any detector must beat. Point-adjusted F1 is not computed: random scores reach the state of the art "
    "in it.",
)


@dataclass(frozen=True, slots=True)
class DetectionStudy:
    """What came of it: outcomes by series and detector, and how many readings a second the service's code scored."""

    outcomes: list[SeriesOutcome]
    readings_per_second: float


def labelled(folder: Path, limit: int | None = None) -> Iterator[list[Series]]:
    """The labelled series of `folder`, data set by data set, at most `limit` of each; those without train and test part left out.

    Raises:
        InputError: nothing there is of a known format, or a file is malformed.
    """
    usable = (series for series in iter_dataset(folder) if series.labels is not None and 0 < series.train_rows < len(series))
    for _, group in groupby(usable, key=lambda series: series.dataset):
        yield list(group)[:limit]


def run_detection(
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    *,
    detectors: Sequence[str] = DETECTORS,
    limit: int | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> DetectionStudy:
    """Judge every labelled series of `folder` by `detectors`. `progress` gets the data set, readings done and readings in all.

    Raises:
        InputError: no labelled series there, or a detector's name is not known.
    """
    unknown = sorted(set(detectors) - set(DETECTORS))
    if unknown:
        raise InputError(f"no detector named {', '.join(unknown)}", advice=f"known: {', '.join(DETECTORS)}")
    outcomes: list[SeriesOutcome] = []
    readings, seconds = 0, 0.0
    for taken in labelled(folder, limit):
        started = time.perf_counter()
        if TIDEGATE in detectors:
            outcomes += _by_tidegate(taken, configuration, forecaster, progress)
            seconds += time.perf_counter() - started
            readings += sum(map(len, taken))
        for name in detectors:
            if name != TIDEGATE:
                outcomes += [judge_by_baseline(series, name, configuration) for series in taken]
    if not outcomes:
        raise InputError(f"{folder}: no labelled series with a train part", advice="SMD, ASD, NAB, KPI, SKAB or MSL")
    return DetectionStudy(outcomes, readings / seconds if seconds else math.nan)


def _by_tidegate(
    taken: Sequence[Series],
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Callable[[str, int, int], None],
) -> list[SeriesOutcome]:
    total, name = sum(map(len, taken)), taken[0].dataset
    judgements = judge_by_service(taken, configuration, forecaster, lambda done: progress(name, done, total))
    return [
        _outcome(series, TIDEGATE, on_test_part(judgement, series.train_rows))
        for series, judgement in zip(taken, judgements, strict=True)
    ]


def judge_by_baseline(series: Series, name: str, configuration: CoreConfiguration) -> SeriesOutcome:
    """The baseline `name` on the test part of `series`, fitted on its train part, with its profile's budget."""
    policy = profile_of(series, configuration).alarm
    judgement = judge(
        name,
        series.values,
        series.train_rows,
        interval_seconds=series.interval_seconds,
        budget=policy.alerts_per_device_day,
        close_after=policy.close_after,
    )
    return _outcome(series, name, judgement)


def _outcome(series: Series, detector: str, judgement: Judgement) -> SeriesOutcome:
    labels = series.part("test").labels
    assert labels is not None, "`labelled` lets no other series in"  # noqa: S101  # for the type checker; impossible otherwise
    return outcome(series.dataset, series.device, detector, judgement, labels, interval_seconds=series.interval_seconds)


def detection_figures(study: DetectionStudy, configuration: CoreConfiguration, forecaster: Forecaster) -> dict[str, Any]:
    """The figures of `study` as a results file holds them, with what was frozen: bundle, tier, configuration."""
    table = vus_by_series(study.outcomes)
    rivals = {item.detector for item in study.outcomes} - {TIDEGATE}
    return {
        "bundle": forecaster.identity,
        "tier": forecaster.manifest.tier,
        "configuration_digest": digest(configuration)[:12],
        "scoring_readings_per_second": study.readings_per_second,
        "detectors": by_detector(study.outcomes),
        "data_sets": by_dataset(study.outcomes),
        "vus_pr_tidegate_less_rival": {name: paired_difference(table, TIDEGATE, name) for name in sorted(rivals)},
        "vus_pr_by_series": table,
    }
