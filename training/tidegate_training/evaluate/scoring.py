"""Drives the service's own detection over recorded series, reading by reading, and keeps what it said.

Every series is one device; all are fed side by side in micro-batches, as a worker would. A score depends only on its
device's readings, its bundle and the configuration (design: guarantee 3), so neither the company nor the batch size matters.
No clock: the tick is the newest event time of a batch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from tidegate.adapters.bundles import bundle_catalogue, shipped_bundles
from tidegate.adapters.onnx import load_bundle
from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import AnomalyId, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection, Scores
from tidegate.core.forecaster import Forecaster
from tidegate.errors import BundleError, InputError
from tidegate.fleet.series import Series
from tidegate_training.evaluate.baselines import Float64, Judgement

ROUNDS_PER_BATCH: Final = 8
"""Readings of one device in a micro-batch; a worker that is behind sees the same."""


def service_configuration() -> CoreConfiguration:
    """The configuration a fresh install runs with."""
    return CoreConfiguration(profiles={str(name): profile for name, profile in shipped_profiles().items()})


def universal_forecaster(bundles: Sequence[Path] = ()) -> Forecaster:
    """The shipped universal bundle, or that of the same name in one of the folders `bundles`.

    Raises:
        BundleError: there is none, or it is not what its manifest says.
    """
    catalogue = bundle_catalogue([shipped_bundles(), *bundles])
    if "universal" not in catalogue:
        raise BundleError(f"no bundle named 'universal', there are {sorted(catalogue)}", advice="run `tidegate train universal`")
    return load_bundle(catalogue["universal"])


def profile_of(series: Series, configuration: CoreConfiguration) -> Profile:
    """The profile that judges `series`.

    Raises:
        InputError: its data set has no profile in the configuration.
    """
    profile = configuration.profiles.get(series.profile)
    if profile is None:
        raise InputError(f"profile {series.profile!r} of {series.device} is not known", advice="add it to the profiles")
    return profile


def judge_by_service(
    taken: Sequence[Series],
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    advanced: Callable[[int], None] = lambda _: None,
    others: Mapping[str, Forecaster] = MappingProxyType({}),
) -> list[Judgement]:
    """Stream every reading of `taken` through one `Detection`, train part first, and return what it said of all rows.

    `surprise` [T] is the combined evidence before the device's own calibration, `rarity` [T] after it (NaN where a reading
    was not judged); `alarms` are the rows at which an anomaly opened, silence aside: nothing in a file is silent. `advanced`
    is called with the number of readings of each micro-batch, once it is scored. `others` are bundles that profiles name.

    Raises:
        InputError: two series are of the same device; they would be scored as one.
    """
    position = {series.device: index for index, series in enumerate(taken)}
    if len(position) != len(taken):
        raise InputError("two series are of the same device", advice="evaluate their folders one at a time")
    detection = Detection(configuration, {"universal": forecaster, **others})
    kept = [_Kept.of(series) for series in taken]
    for places, readings in micro_batches(taken):
        result = detection.observe(readings, max(reading.event_time_ms for reading in readings))
        _keep_scores(result.scores, places, kept)
        for anomaly in result.anomalies:
            index = position[anomaly.device]
            _keep_fact(anomaly, taken[index], kept[index].spans)
        advanced(len(readings))
    return [one.judgement() for one in kept]


def bytes_per_device(series: Series, configuration: CoreConfiguration, forecaster: Forecaster) -> int:
    """Bytes of the arrays that hold the state of a device such as `series` is of; open anomalies come on top."""
    detection = Detection(configuration, {"universal": forecaster})
    _, readings = next(micro_batches([series]))
    detection.observe(readings, readings[-1].event_time_ms)
    return sum(value.nbytes for value in detection.export_state().values() if isinstance(value, np.ndarray))


def micro_batches(
    taken: Sequence[Series], rounds: int = ROUNDS_PER_BATCH
) -> Iterator[tuple[list[tuple[int, int]], list[Reading]]]:
    """Readings of all series side by side, `rounds` rows of each at a time, with (series, row) of each reading.

    Each is at a site of its own: nothing says that devices of a data set are neighbours, and so they aren't judged as such.
    """
    sites = [SiteId(f"evaluation-{index}") for index in range(len(taken))]
    for start in range(0, max(map(len, taken), default=0), rounds):
        places = [(index, row) for row in range(start, start + rounds) for index, series in enumerate(taken) if row < len(series)]
        yield places, [reading_of(taken[index], row, sites[index]) for index, row in places]


def reading_of(series: Series, row: int, site: SiteId) -> Reading:
    """Row `row` of `series` as its device would have sent it, numbered by its row, so that a repeat is known for one."""
    values = series.values[row].tolist()
    metrics = {name: value if value == value else None for name, value in zip(series.metrics, values, strict=True)}  # noqa: PLR0124  # NaN
    return Reading(site, series.device, series.profile, int(series.event_time_ms[row]), metrics, sequence=row)


def row_of(series: Series, event_time_ms: int) -> int:
    """The row of `series` read at `event_time_ms`, or the next one."""
    return int(np.searchsorted(series.event_time_ms, event_time_ms))


def on_test_part(judgement: Judgement, train_rows: int) -> Judgement:
    """What `judgement` says of the rows from `train_rows` on."""
    return replace(
        judgement,
        surprise=judgement.surprise[train_rows:],
        alarms=[row - train_rows for row in judgement.alarms if row >= train_rows],
        ends=tuple(end - train_rows for row, end in zip(judgement.alarms, judgement.ends, strict=True) if row >= train_rows),
        rarity=None if judgement.rarity is None else judgement.rarity[train_rows:],
    )


@dataclass(slots=True)
class _Kept:
    """What was said about one series so far."""

    surprise: Float64
    rarity: Float64
    spans: dict[AnomalyId, tuple[int, int]]
    threshold: float = np.nan

    @classmethod
    def of(cls, series: Series) -> "_Kept":
        return cls(np.full(len(series), np.nan), np.full(len(series), np.nan), {})

    def judgement(self) -> Judgement:
        spans = sorted(self.spans.values())
        opened, ends = [start for start, _ in spans], tuple(end for _, end in spans)
        return Judgement(self.surprise, opened, self.rarity, self.threshold, ends)


def _keep_fact(anomaly: Anomaly, series: Series, spans: dict[AnomalyId, tuple[int, int]]) -> None:
    """Note the rows an anomaly opened and ended at; one that is still open ends with the series."""
    if anomaly.status is AnomalyStatus.OPENED and anomaly.fault_kind is not FaultKind.SILENCE:
        spans[anomaly.id] = (row_of(series, anomaly.opened_at_ms), len(series))
    elif anomaly.id in spans and anomaly.closed_at_ms is not None:
        spans[anomaly.id] = (spans[anomaly.id][0], row_of(series, anomaly.closed_at_ms))


def _keep_scores(scores: Scores, places: Sequence[tuple[int, int]], kept: Sequence[_Kept]) -> None:
    columns = (scores.index, scores.surprise, scores.neg_log10_p, scores.threshold)
    for index, surprise, rarity, threshold in zip(*(column.tolist() for column in columns), strict=True):
        series, row = places[index]
        one = kept[series]
        one.surprise[row], one.rarity[row], one.threshold = surprise, rarity, threshold
