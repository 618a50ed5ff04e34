"""From series to the bundle of a forecaster: split, train, export, check, judge, write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import tidegate
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.ids import MetricName
from tidegate.contracts.manifest import BundleManifest, TrainingData
from tidegate_training import checks, export, provenance
from tidegate_training.bundle import MODEL, REPORT, model_sha256, write_manifest
from tidegate_training.data.provenance import describe
from tidegate_training.data.series import Series
from tidegate_training.data.splits import split
from tidegate_training.data_size import loss_by_size
from tidegate_training.quality import Judged, figures, judge
from tidegate_training.report.page import write_report
from tidegate_training.settings import UniversalSettings
from tidegate_training.train import Run, Trained, train

WARMUP_READINGS: Final = 64
"""Readings before a row's own scale and memory are worth a score: a few times the fast memory of the running scale."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: `folder` of the bundle (`name/version`), the checkpoint, and the command that asked for it.

    After `long_run_readings` state must still be bounded: 30,000 before a bundle ships (spec: detection quality).
    """

    folder: Path
    command: str
    checkpoint: Path
    resume: bool = False
    long_run_readings: int = 30_000
    by_size: bool = False
    """Whether to train again on less data, for the report's plot."""
    metrics: tuple[str, ...] = ()
    """Of a joint forecaster, in the order of the series' columns."""
    units: tuple[str, ...] = ()
    prior: Mapping[str, list[float]] = field(default_factory=dict)
    """Fleet prior of the bundle's evidence streams."""


def make(
    series: Sequence[Series],
    settings: UniversalSettings,
    order: Order,
    on_update: Callable[[int, float], None] = lambda epoch, loss: None,
    say: Callable[[str], None] = lambda text: None,
) -> BundleManifest:
    """Make the bundle in `order.folder` and return its manifest; `say` hears of each stage.

    Raises:
        ConfigurationError: asked to resume from a checkpoint of other settings or data.
        BundleError: the exported graph fails a check; nothing is left that a service would load.
    """
    commit = provenance.commit()  # before the minutes in which somebody may commit
    parts = split(list(series), settings.held_out_ratio, settings.random_state)
    data = describe(parts.train)
    say(f"{sum(one.rows for one in data):,} values of {len(parts.train)} series to train on")
    run = Run(order.checkpoint, order.resume, {one.dataset: one.sha256 for one in data}, on_update)
    trained = train(parts, settings, run)
    say(f"best held-out loss {min(trained.held_out_losses):.4f} after epoch {trained.best_epoch + 1}; exporting")
    order.folder.mkdir(parents=True, exist_ok=True)
    (order.folder / "manifest.json").unlink(missing_ok=True)  # without one, a bundle that fails below is no bundle
    path = order.folder / MODEL
    export.export_graph(trained.model, path)
    checked = _check(trained, path, order.long_run_readings)
    say("checks passed; judging on held-out series")
    judged = judge(path, parts, settings.random_state)
    manifest = _manifest(trained, settings, order, data, commit, checked | _figures(trained, judged))
    write_manifest(order.folder, manifest)
    by_size = loss_by_size(parts, settings, trained, say) if order.by_size else {}
    write_report(order.folder / REPORT, manifest, trained, judged, by_size)
    return manifest


def _check(trained: Trained, path: Path, long_run_readings: int) -> dict[str, float]:
    """Run all checks, which raise, and return their figures."""
    metrics = trained.model.metrics

    def hard(readings: int, devices: int) -> checks.Readings:
        return checks.hard_readings(readings, devices * metrics, metrics=metrics)

    return {
        "parity_max_abs": checks.parity(trained.model, path, hard(500, 64 if metrics == 1 else 8)),
        "batch_results_differing": checks.batch_differences(path, hard(4, 1000 if metrics == 1 else 130)),
        "memory_abs_max": checks.long_run(path, hard(1000, 16 if metrics == 1 else 2), long_run_readings),
        "long_run_readings": long_run_readings,
    }


def _figures(trained: Trained, judged: list[Judged]) -> dict[str, float]:
    return {
        "epochs": len(trained.train_losses),
        "best_epoch": trained.best_epoch + 1,
        "held_out_loss": round(min(trained.held_out_losses), 5),
        **figures(judged),
    }


def _manifest(
    trained: Trained, settings: UniversalSettings, order: Order, data: list[TrainingData], commit: str, found: dict[str, float]
) -> BundleManifest:
    return BundleManifest(
        name=order.folder.parent.name,
        version=order.folder.name,
        task="forecast",
        tier="light",
        metrics=[MetricName(name) for name in order.metrics],
        units=list(order.units),
        horizons=list(HORIZONS),
        quantile_levels=list(QUANTILE_LEVELS),
        state=export.state_tensors(trained.model),
        state_bytes=export.state_bytes(trained.model),
        warmup_readings=WARMUP_READINGS,
        prior=dict(order.prior),
        data=data,
        code_version=tidegate.__version__,
        commit=commit,
        command=order.command,
        created_at=provenance.now(),
        random_state=settings.random_state,
        parity_max_abs=found["parity_max_abs"],
        figures={name: value for name, value in found.items() if name != "parity_max_abs"},
        model_sha256=model_sha256(order.folder),
        opset=export.OPSET,
        settings=asdict(settings),
    )
