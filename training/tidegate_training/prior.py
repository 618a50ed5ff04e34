"""The fleet prior of calibration: how heavy the tails of a row's evidence are on series like a fleet's, with this bundle.

The service's own detection reads the development series from fresh state; what its tails learned becomes the prior. Only streams
whose surprises depend on the bundle have one. A prior of the device's tail was tried and left out: learned on series that are
recorded for their anomalies it is heavier than a fleet's, and on NAB it cost almost half of the detected events (recall .30
against .53); there the core's own default stands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.detection.calibration import NOVELTY, RESIDUAL, SHAPES, fleet_prior
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.table import Table
from tidegate.core.forecaster import Float32, Float64, Forecaster
from tidegate.errors import BundleError
from tidegate.fleet.series import Series
from tidegate_training.bundle import write_manifest
from tidegate_training.evaluate.scoring import micro_batches, service_configuration

READINGS: Final = 3000
"""Readings of a device the prior is made from, from its first on: two days of minutes, ten days of five minutes."""

SETTLED: Final = 256
"""Readings of a device that teach nothing: its model is settling, and its first surprises are the model's, not the device's."""

COLUMNS: Final = {RESIDUAL: "residual", NOVELTY: "novelty"}
"""Columns `…_survivors` and `…_readings` of `Rows`, by stream."""

Prior = dict[str, list[float]]


def make_prior(
    folder: Path,
    datasets: Mapping[str, Sequence[Series]],
    command: str,
    readings: int = READINGS,
    say: Callable[[str], None] = lambda text: None,
) -> BundleManifest:
    """Learn the fleet prior of the bundle in `folder` from `datasets`, each weighing alike, and write it into its manifest.

    Deterministic; what prior the bundle had before does not matter.

    Raises:
        BundleError: the bundle is none, or forecasts metrics jointly: the series are of no such device.
    """
    before = load_bundle(folder).manifest
    if before.metrics:
        raise BundleError(
            f"{folder} forecasts {len(before.metrics)} metrics jointly, and the series are of other devices",
            advice="keep the prior of the universal bundle, which `tidegate train profile` gave it",
        )
    settings = before.settings | {"prior_command": command, "prior_readings": readings}
    write_manifest(folder, replace(before, prior={}))
    bundle, configuration, tails = load_bundle(folder), service_configuration(), []
    for name, series in datasets.items():
        say(f"reading {name}")
        tails.append(_tails(series, configuration, bundle, readings))
    manifest = replace(before, prior={stream: _mean([found[stream] for found in tails]) for stream in COLUMNS}, settings=settings)
    write_manifest(folder, manifest)
    return manifest


def _tails(series: Sequence[Series], configuration: CoreConfiguration, bundle: Forecaster, readings: int) -> Prior:
    """Return the tails a detection learns from reading `SETTLED` to `readings` of each device, by stream."""
    detection = Detection(configuration, {"universal": bundle})
    _read(detection, [one.rows(0, SETTLED) for one in series])
    before = _learned(detection.roster.lanes[0].rows)
    _read(detection, [one.rows(SETTLED, readings) for one in series])
    rows = detection.roster.lanes[0].rows
    # A metric that never moved has no surprise to teach, and there are many: they would make every tail look light.
    moving = rows.low[: rows.size] < rows.high[: rows.size]
    prior = {}
    for stream, (survivors, counted) in _learned(rows).items():
        survived, seen = survivors - before[stream][0], counted - before[stream][1]
        prior[stream] = fleet_prior(survived[moving], seen[moving], SHAPES[stream])
    return prior


def _read(detection: Detection, series: Sequence[Series]) -> None:
    for _, batch in micro_batches(series):
        detection.observe(batch, max(reading.event_time_ms for reading in batch))


def _learned(rows: Table) -> dict[str, tuple[Float32, Float64]]:
    """Return copies of the tails by stream: survivors float32 [n, edges] and readings float64 [n]."""
    columns = {stream: [rows.arrays[f"{name}_{what}"] for what in ("survivors", "readings")] for stream, name in COLUMNS.items()}
    return {
        stream: (survivors[: rows.size].copy(), counted[: rows.size].copy()) for stream, (survivors, counted) in columns.items()
    }


def _mean(curves: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of survival curves, to six digits: more would be noise."""
    return [float(f"{value:.6g}") for value in np.mean(np.array(curves), axis=0)]
