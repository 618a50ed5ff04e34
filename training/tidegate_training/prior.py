"""The fleet prior of calibration: how heavy the tails of each evidence stream are on series like a fleet's.

The service's own detection reads the development series with the bundle, from fresh state; its learned tails become the prior.
Twice, because a device's tail is about evidence that was itself judged by the row tails' prior.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.detection.calibration import DEVICE, DROPOUT, NOVELTY, RESIDUAL, SHAPES, fleet_prior
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.table import Table
from tidegate.core.forecaster import Float32, Float64, Forecaster, ForecastStep, State
from tidegate.fleet.series import Series
from tidegate_training.bundle import write_manifest
from tidegate_training.evaluate.scoring import micro_batches, service_configuration

READINGS: Final = 3000
"""Readings of a device the prior is made from, from its first on: two days of minutes, ten days of five minutes."""

SETTLED: Final = 256
"""Readings of a device that teach nothing: its model is settling, and its first surprises are the model's, not the device's."""

COLUMNS: Final = {RESIDUAL: "residual", NOVELTY: "novelty", DROPOUT: "dropout", DEVICE: "device"}
"""Columns `…_survivors` and `…_readings` by stream (`tidegate.core.detection.state`)."""

Prior = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class _WithPrior:
    """A forecaster whose manifest names another prior than its file does."""

    bundle: Forecaster
    manifest: BundleManifest

    @property
    def identity(self) -> str:
        """That of the bundle."""
        return self.bundle.identity

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        """Step the bundle."""
        return self.bundle.step(values, mask, elapsed, learn, state)


def make_prior(
    folder: Path,
    datasets: Mapping[str, Sequence[Series]],
    command: str,
    readings: int = READINGS,
    say: Callable[[str], None] = lambda text: None,
) -> BundleManifest:
    """Learn the fleet prior of the bundle in `folder` from `datasets`, each weighing alike, and write it into its manifest.

    Deterministic. The prior the bundle had before does not matter.

    Raises:
        BundleError: the bundle is none.
        InputError: a data set's profile is unknown.
    """
    bundle = load_bundle(folder)
    configuration, prior = service_configuration(), Prior()
    for streams in ((RESIDUAL, NOVELTY, DROPOUT), (DEVICE,)):
        forecaster = _WithPrior(bundle, replace(bundle.manifest, prior=prior))
        say(f"learning the tails of {', '.join(streams)}")
        tails = [_tails(series, configuration, forecaster, readings) for series in datasets.values()]
        prior = prior | {stream: _mean([found[stream] for found in tails]) for stream in streams}
    settings = bundle.manifest.settings | {"prior_command": command, "prior_readings": readings}
    manifest = replace(bundle.manifest, prior=prior, settings=settings)
    write_manifest(folder, manifest)
    return manifest


def _tails(series: Sequence[Series], configuration: CoreConfiguration, forecaster: Forecaster, readings: int) -> Prior:
    """Return the tails a detection learns from reading `SETTLED` to `readings` of each device, by stream."""
    detection = Detection(configuration, {"universal": forecaster})
    _read(detection, [one.rows(0, SETTLED) for one in series])
    before = _learned(detection)
    _read(detection, [one.rows(SETTLED, readings) for one in series])
    rows = detection.roster.lanes[0].rows
    # A metric that never moved has no surprise to teach, and there are many: they would make every tail look light.
    moving = rows.low[: rows.size] < rows.high[: rows.size]
    prior = {}
    for stream, (survivors, counted) in _learned(detection).items():
        chosen = moving if stream in (RESIDUAL, NOVELTY) else slice(None)
        survived, seen = survivors - before[stream][0], counted - before[stream][1]
        prior[stream] = fleet_prior(survived[chosen], seen[chosen], SHAPES[stream])
    return prior


def _read(detection: Detection, series: Sequence[Series]) -> None:
    for _, batch in micro_batches(series):
        detection.observe(batch, max(reading.event_time_ms for reading in batch))


def _learned(detection: Detection) -> dict[str, tuple[Float32, Float64]]:
    """Return copies of all tails by stream: survivors float32 [n, edges] and readings float64 [n]."""
    found = {}
    for stream, name in COLUMNS.items():
        table: Table = detection.roster.lanes[0].rows if stream in (RESIDUAL, NOVELTY) else detection.roster.devices
        survivors, readings = table.arrays[f"{name}_survivors"], table.arrays[f"{name}_readings"]
        found[stream] = (survivors[: table.size].copy(), readings[: table.size].copy())
    return found


def _mean(curves: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of survival curves, to six digits: more would be noise."""
    return [float(f"{value:.6g}") for value in np.mean(np.array(curves), axis=0)]
