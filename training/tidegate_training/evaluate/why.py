"""The study of reasons: which kind of fault an anomaly is told as, and whether it names the metric that it is due to.

Rules were chosen on the series at even places of each data set and on one simulated fleet; what is reported is of the others.
Does not write anything; `commands` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.forecaster import Forecaster
from tidegate.errors import InputError
from tidegate.fleet.series import Series
from tidegate_training.evaluate.attribution_check import Removal, cut, removals
from tidegate_training.evaluate.detection import labelled
from tidegate_training.evaluate.kind_injections import faulty_fleet, quiet_stretches
from tidegate_training.evaluate.kinds_told import Told, tell_injected, tell_simulated
from tidegate_training.evaluate.progress import Report

REPORTED: Final = 1
"""Place, modulo 2, of a series in its data set whose figures are reported, and which of `SEEDS` that fleet has; on the others the
rules were chosen."""

SEEDS: Final = (7, 8)

SIMULATED_SECONDS: Final = 1500

FEWEST_METRICS: Final = 5
"""Of a series whose anomalies are asked which metric they are due to."""

LEFT_OUT: Final = frozenset({"msl"})
"""Data sets without faults of this study: all but one of MSL's metrics are one-hot commands."""

NOTES: Final = (
    "Kinds are those of the last version of an anomaly (`at_opening`: of its first). Cases are faults; found are those within "
    "whose time an anomaly of the device opened at the shipped threshold; recall is of those found, recall_of_all of all; "
    "precision is of the found ones told as that kind. Intervals: 95 %, bootstrap over series (simulated: devices and gateways), "
    "2,000 draws.",
    "injected: faults put into quiet stretches of 1,550 readings of recorded series (NAB, KPI, SMD, ASD), four each, at drawn "
    "places after 700 of history, a metric drawn among those that vary: spikes of 2 readings and 6 to 12 standard deviations, "
    "level shifts (80 readings, 4 to 8), stuck (80), noise (60, 3 to 6 added), drifts (100, to 5 to 10), half of 40 readings "
    "lost, a clock 50 to 2,000 intervals off for 20 readings; every other gateway of five devices silent for 20.",
    "A recorded series' profile mostly declares no `stuck_after` (a constant is normal there), so that no rule finds a stuck "
    "metric; and a forecast follows most drifts, which then raise no alarm. The tables say so: not found.",
    "simulated: the fleet simulator's own faults, one every eight seconds on 60 devices. It has no noise faults. Its dropout is "
    "one metric of three or four gone for 30 readings.",
    "The rules were chosen on the series at even places of each data set and on simulated fleet 7; figures are of the series at "
    "odd places and of fleet 8. chosen_on_accuracy is theirs, for comparison.",
    "commonest is the share that always saying the commonest kind among those found would get.",
    "elsewhere: kinds of anomalies that opened where no fault was, nor had been for 100 readings.",
    "attribution: SMD, ASD and SKAB, 1,500 readings of history and 4,000 after the end of the train part. Of each anomaly that "
    "opened by score, the opening reading is scored once more by the service's own code with the named (first) metric missing, "
    "with the metrics that make half of the evidence missing, and with five other metrics drawn at random missing, one at a "
    "time. fell is the share of anomalies whose score is then below the threshold, fall the mean drop in decades.",
)


@dataclass(frozen=True, slots=True)
class WhyStudy:
    """What was told of injected and of simulated faults, by half (chosen on, reported), and the removals of named metrics."""

    injected: tuple[Told, Told]
    simulated: tuple[Told, Told]
    removals: list[Removal]


def run_why(
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    *,
    limit: int | None = None,
    simulated_seconds: int = SIMULATED_SECONDS,
    report: Report = lambda *_: None,
) -> WhyStudy:
    """Put faults into the labelled series of `folder`, at most `limit` of each data set, simulate others, and ask for reasons.

    Raises:
        InputError: no labelled series there.
    """
    taken = [series for group in labelled(folder, limit) for series in group if series.dataset not in LEFT_OUT]
    if not taken:
        raise InputError(f"{folder}: no labelled series with a train part", advice="SMD, ASD, NAB, KPI or SKAB")
    halves = split(taken)
    injected = tuple(_injected(half, configuration, forecaster, place, report) for place, half in enumerate(halves))
    simulated = []
    for place, seed in enumerate(SEEDS):
        report("simulated fleets", place, len(SEEDS))
        simulated.append(tell_simulated(seed, simulated_seconds, forecaster))
    report("simulated fleets", len(SEEDS), len(SEEDS))
    many = [cut(series) for series in taken if len(series.metrics) >= FEWEST_METRICS]
    report("named metrics removed, series", 0, len(many))
    removed = removals(many, configuration, forecaster)
    report("named metrics removed, series", len(many), len(many))
    return WhyStudy((injected[0], injected[1]), (simulated[0], simulated[1]), removed)


def split(taken: Sequence[Series]) -> tuple[list[Series], list[Series]]:
    """Series at even and at odd places of their data sets."""
    halves: tuple[list[Series], list[Series]] = ([], [])
    for _, group in groupby(taken, key=lambda series: series.dataset):
        for place, series in enumerate(group):
            halves[place % 2].append(series)
    return halves


def _injected(
    taken: Sequence[Series], configuration: CoreConfiguration, forecaster: Forecaster, half: int, report: Report
) -> Told:
    """Faults in the stretches of `taken`, a fleet per data set and interval."""
    fleets: dict[tuple[str, float], list[Series]] = {}
    for series in taken:
        for stretch in quiet_stretches(series):
            fleets.setdefault((series.dataset, series.interval_seconds), []).append(stretch)
    told, what = [], f"injected faults, fleets ({('chosen on', 'reported')[half]})"
    for done, ((dataset, interval), stretches) in enumerate(fleets.items()):
        report(what, done, len(fleets))
        fleet = faulty_fleet(stretches, f"{dataset}-{interval:g}", random_state=1 + half)
        told.append(tell_injected(fleet, configuration, forecaster))
    report(what, len(fleets), len(fleets))
    return Told([case for one in told for case in one.cases], [kind for one in told for kind in one.elsewhere])
