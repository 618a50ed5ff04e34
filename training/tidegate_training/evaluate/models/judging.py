"""What a graph says about labelled series: surprise by reading, alarms by the rule that all contenders share.

Forecasters are surprised by how far a reading lies from the median forecast one interval before it, in half-widths of the 90 %
band; an autoencoder by its error. Per series the metrics are put together as the baselines do it: mean square of the observed.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.forecast import HORIZONS
from tidegate.fleet.series import Series
from tidegate_training.data.lanes import Lane
from tidegate_training.evaluate.baselines import CLIP, Float64, mean_observed
from tidegate_training.evaluate.figures import SeriesOutcome, outcome
from tidegate_training.evaluate.verdicts import by_baseline
from tidegate_training.graph import Graph
from tidegate_training.models.forecaster import MEDIAN
from tidegate_training.quality import BAND
from tidegate_training.validation import windows_of

SMOOTHED: Final = 32
"""Readings that a smoothed surprise is the mean of: as many as the autoencoder and the windowed forecasters look at."""

WINDOW: Final = 64
"""Readings handed over at once; state is carried, so it changes nothing."""


def surprises(graph: bytes, taken: Sequence[Series]) -> list[Float64]:
    """Surprise [T] of each series, NaN where nothing was observed; every metric is a row of its own, all side by side."""
    lanes = [_lane(series, column) for series in taken for column in range(len(series.metrics))]
    with TemporaryDirectory(prefix="tidegate-models-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(graph)
        said = Graph(path).follow(windows_of(lanes, WINDOW))
    found, at = [], 0
    for series in taken:
        columns = said[: len(series), at : at + len(series.metrics)]
        at += len(series.metrics)
        by_metric = np.where(
            np.isfinite(series.values), columns if columns.ndim == 2 else _misses(columns, series.values), np.nan
        )
        found.append(mean_observed(by_metric))
    return found


def _lane(series: Series, column: int) -> Lane:
    values = series.values[:, column]
    known = np.isfinite(values)
    elapsed = np.diff(series.event_time_ms, prepend=series.event_time_ms[0]) / (1000.0 * series.interval_seconds)
    return Lane(
        np.where(known, values, 0.0),
        known.astype(np.float64),
        np.maximum(elapsed, 1.0),
        np.full((len(series), len(HORIZONS)), np.nan),
    )


def _misses(quantiles: Float64, values: Float64) -> Float64:
    """Squared distance [T, M] of each value from the median said before it, in half-widths of the band; 0 for the first.

    `quantiles` [T, M, horizon, level], as said after each reading.
    """
    one_ahead = quantiles[:-1, :, HORIZONS.index(1)]
    half = 0.5 * (one_ahead[:, :, BAND[1]] - one_ahead[:, :, BAND[0]])
    distance = np.abs(values[1:] - one_ahead[:, :, MEDIAN]) / np.maximum(half, np.finfo(np.float64).tiny)
    return np.concatenate([np.zeros((1, values.shape[1])), np.minimum(distance, CLIP) ** 2])


def trailing_mean(surprise: Float64, readings: int = SMOOTHED) -> Float64:
    """Mean of the last `readings` surprises that are known, [T]; NaN where none is."""
    known = np.isfinite(surprise)
    sums, counts = (np.cumsum(np.append(np.zeros(readings), part)) for part in (np.where(known, surprise, 0.0), known))
    total, count = (part[readings:] - part[:-readings] for part in (sums, counts))
    mean: Float64 = np.divide(total, count, out=np.full(len(surprise), np.nan), where=count > 0)
    return mean


def judged(name: str, taken: Sequence[Series], said: Sequence[Float64], configuration: CoreConfiguration) -> list[SeriesOutcome]:
    """Hold surprise against labels on the test parts; the threshold spends the profile's budget on the train part."""
    return [_judged_one(name, series, surprise, configuration) for series, surprise in zip(taken, said, strict=True)]


def _judged_one(name: str, series: Series, surprise: Float64, configuration: CoreConfiguration) -> SeriesOutcome:
    judgement = by_baseline(series, name, surprise, configuration)
    labels = series.part("test").labels
    assert labels is not None, "only labelled series are taken"  # noqa: S101  # for the type checker; impossible otherwise
    return outcome(series.dataset, series.device, name, judgement, labels, interval_seconds=series.interval_seconds)
