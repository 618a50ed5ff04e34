"""The detection study: Tidegate's shipped configuration beside plain baselines on every labelled series of a folder.

Track A (spec: detection quality, rule 5): one frozen bundle; a series' own train part is streamed as history, figures count
on its test part only. Nothing is tuned here and no threshold is chosen here. Does not write anything; `commands` does.
"""

from collections.abc import Iterator, Sequence
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
from tidegate_training.evaluate.baselines import ALWAYS_ALARM, BASELINES, Judgement, surprise_of
from tidegate_training.evaluate.figures import (
    SeriesOutcome,
    alarm_rates,
    budget_by_profile,
    by_dataset,
    by_detector,
    outcome,
    paired_difference,
    quiet_alerts,
    vus_by_series,
)
from tidegate_training.evaluate.progress import Report
from tidegate_training.evaluate.scoring import bytes_per_device, on_test_part
from tidegate_training.evaluate.verdicts import by_baseline, by_service, surprises

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
    "budget_by_profile is of Tidegate: false alarms against what the profile allows, Poisson 95 %. skab_alarm_rates count "
    "readings: labelled ones not in alarm, and unlabelled ones in alarm, from the reading an alarm opened at until it closed.",
    DEVELOPMENT_NOTE,
    "bytes_per_device: arrays of state of the first device of each data set, all its metrics together.",
    "Baselines are fitted on the train part; their threshold spends the profile's alert budget on its later half. `random` and "
    "`always-alarm` are what any detector must beat. Point-adjusted F1 is not computed: random scores reach the state of the art "
    "in it.",
)


@dataclass(frozen=True, slots=True)
class DetectionStudy:
    """What came of it: outcomes by series and detector, and one series of each data set, for what its devices cost."""

    outcomes: list[SeriesOutcome]
    examples: dict[str, Series]


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
    bundles: Sequence[Path] = (),
    *,
    detectors: Sequence[str] = DETECTORS,
    limit: int | None = None,
    processes: int = 1,
    cache: Path | None = None,
    report: Report = lambda *_: None,
) -> DetectionStudy:
    """Judge every labelled series of `folder` by `detectors`, on `processes` processes, which change no outcome.

    `bundles` are folders with another universal bundle; what baselines said is kept in `cache`, if any.

    Raises:
        InputError: no labelled series there, or a detector's name is not known.
    """
    unknown = sorted(set(detectors) - set(DETECTORS))
    if unknown:
        raise InputError(f"no detector named {', '.join(unknown)}", advice=f"known: {', '.join(DETECTORS)}")
    outcomes: list[SeriesOutcome] = []
    examples: dict[str, Series] = {}
    for taken in labelled(folder, limit):
        name = taken[0].dataset
        examples[name] = taken[0]
        if TIDEGATE in detectors:
            said = by_service(taken, configuration, bundles, processes=processes, report=_about(name, report))
            outcomes += [
                _outcome(one, TIDEGATE, on_test_part(whole, one.train_rows)) for one, whole in zip(taken, said, strict=True)
            ]
        rivals = [rival for rival in detectors if rival != TIDEGATE]
        found = surprises(taken, rivals, processes=processes, cache=cache, report=_about(name, report))
        for rival, told in found.items():
            outcomes += [
                _outcome(one, rival, by_baseline(one, rival, surprise, configuration))
                for one, surprise in zip(taken, told, strict=True)
            ]
    if not outcomes:
        raise InputError(f"{folder}: no labelled series with a train part", advice="SMD, ASD, NAB, KPI, SKAB or MSL")
    return DetectionStudy(outcomes, examples)


def _about(dataset: str, report: Report) -> Report:
    return lambda what, done, total: report(f"{dataset}: {what}", done, total)


def judge_by_baseline(series: Series, name: str, configuration: CoreConfiguration) -> SeriesOutcome:
    """The baseline `name` on the test part of `series`, fitted on its train part, with its profile's budget."""
    surprise = surprise_of(name, series.values, series.train_rows)
    return _outcome(series, name, by_baseline(series, name, surprise, configuration))


def _outcome(series: Series, detector: str, judgement: Judgement) -> SeriesOutcome:
    labels = series.part("test").labels
    assert labels is not None, "`labelled` lets no other series in"  # noqa: S101  # for the type checker; impossible otherwise
    return outcome(
        series.dataset,
        series.device,
        detector,
        judgement,
        labels,
        interval_seconds=series.interval_seconds,
        profile=series.profile,
    )


def detection_figures(study: DetectionStudy, configuration: CoreConfiguration, forecaster: Forecaster) -> dict[str, Any]:
    """The figures of `study` as a results file holds them, with what was frozen: bundle, tier, configuration."""
    table = vus_by_series(study.outcomes)
    budgets = {name: profile.alarm.alerts_per_device_day for name, profile in configuration.profiles.items()}
    rivals = {item.detector for item in study.outcomes} - {TIDEGATE}
    return {
        "bundle": forecaster.identity,
        "tier": forecaster.manifest.tier,
        "configuration_digest": digest(configuration)[:12],
        "bytes_per_device": {
            name: bytes_per_device(series, configuration, forecaster) for name, series in study.examples.items()
        },
        "detectors": by_detector(study.outcomes),
        "data_sets": by_dataset(study.outcomes),
        "quiet_alerts": quiet_alerts((item for item in study.outcomes if item.detector == TIDEGATE), budgets),
        "budget_by_profile": budget_by_profile((item for item in study.outcomes if item.detector == TIDEGATE), budgets),
        "skab_alarm_rates": alarm_rates(item for item in study.outcomes if item.dataset == "skab"),
        "vus_pr_tidegate_less_rival": {name: paired_difference(table, TIDEGATE, name) for name in sorted(rivals)},
        "vus_pr_by_series": table,
    }
