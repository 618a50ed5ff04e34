"""Track B: each machine judged with a forecaster fitted on its own train part and on nothing else, beside PCA fitted on the same.

Track A, the detection study, asks what a frozen bundle does for a machine it never saw; this one, whether training for the
machine would have been worth it. The rest of the detector is as shipped. Needs torch.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.forecaster import Forecaster
from tidegate.errors import InputError
from tidegate.fleet.series import Series
from tidegate_training.evaluate.baselines import Judgement
from tidegate_training.evaluate.detection import labelled
from tidegate_training.evaluate.figures import bootstrap_interval, paired_difference
from tidegate_training.evaluate.scoring import judge_by_service, on_test_part, universal_forecaster
from tidegate_training.evaluate.spread import spread
from tidegate_training.evaluate.verdicts import Report, surprises
from tidegate_training.evaluate.vus import vus_pr
from tidegate_training.settings import UniversalSettings

if TYPE_CHECKING:
    from tidegate_training.models.forecaster import Forecaster as Network

DATASETS: Final = ("smd", "asd")
"""Machines of many metrics with a train part of their own."""

SETTINGS: Final = UniversalSettings(lanes=64, updates_per_epoch=50, epochs=8, patience=3, lane_readings=1500)
"""A tenth of the universal bundle's updates on a quarter of its lanes: one machine has a thousandth of its variety."""

FITTED: Final = "tidegate, fitted"
RIVAL: Final = "PCA"

NOTES: Final = (
    "Track B: the forecaster of each machine is trained on that machine's train part (the last 15 % of it held out to stop by), "
    "exported and loaded like any bundle; then the train part is streamed as history and the test part counts, as in track A.",
    "PCA is fitted on the same train part. What the shipped bundle does on these machines (track A) is in the detection study.",
    "VUS-PR as in the detection study. SMD's machines were scaled over train and test together by their publishers.",
)


@dataclass(frozen=True, slots=True)
class FitJob:
    """A machine to train for and to judge."""

    series: Series
    configuration: CoreConfiguration
    settings: UniversalSettings


def run_fitted(
    folder: Path,
    configuration: CoreConfiguration,
    *,
    limit: int | None = None,
    settings: UniversalSettings = SETTINGS,
    processes: int = 1,
    report: Report = lambda *_: None,
) -> dict[str, dict[str, float]]:
    """VUS-PR by machine ("data set/device") and detector, of at most `limit` machines of each data set in `folder`.

    Raises:
        InputError: no such machine there.
    """
    taken = [series for group in labelled(folder, limit) if group[0].dataset in DATASETS for series in group]
    if not taken:
        raise InputError(f"{folder}: no machine with a train part", advice="give a folder that holds smd or asd")
    jobs = [FitJob(series, configuration, settings) for series in taken]
    done = 0

    def finished(_: FitJob) -> None:
        nonlocal done
        done += 1
        report("machines", done, len(jobs))

    report("machines", 0, len(jobs))
    said = spread(fit_and_judge, jobs, processes=processes, finished=finished)
    rivals = surprises(taken, [RIVAL], processes=processes)[RIVAL]
    return {
        f"{series.dataset}/{series.device}": {
            FITTED: _vus(series, fitted.surprise),
            RIVAL: _vus(series, rival[series.train_rows :]),
        }
        for series, fitted, rival in zip(taken, said, rivals, strict=True)
    }


def fit_and_judge(job: FitJob) -> Judgement:
    """What the service says of the machine's test part with a forecaster of its own."""
    with tempfile.TemporaryDirectory(prefix="tidegate-fitted-") as work:
        own = fit(job.series, job.settings, universal_forecaster().manifest, Path(work))
    return on_test_part(judge_by_service([job.series], job.configuration, own)[0], job.series.train_rows)


def fit(series: Series, settings: UniversalSettings, like: BundleManifest, work: Path) -> Forecaster:
    """Train on the train part of `series`; the manifest, fleet prior included, is `like` but for the model."""
    from tidegate_training import bundle, checks, export  # noqa: PLC0415  # torch, for this study only

    model, folder = train_for(series, settings, work / "checkpoint.pt"), work / like.name / like.version
    folder.mkdir(parents=True)
    export.export_graph(model, folder / bundle.MODEL)
    manifest = replace(
        like,
        state=export.state_tensors(model),
        state_bytes=export.state_bytes(model),
        parity_max_abs=checks.parity(model, folder / bundle.MODEL, checks.hard_readings(200, 16)),
        model_sha256=bundle.model_sha256(folder),
    )
    bundle.write_manifest(folder, manifest)
    return load_bundle(folder)


def train_for(series: Series, settings: UniversalSettings, checkpoint: Path) -> "Network":
    """Train on the train part of `series` alone, one channel-independent model for all its metrics."""
    from tidegate_training.data.sources import metrics_of  # noqa: PLC0415  # torch, as above
    from tidegate_training.data.splits import split  # noqa: PLC0415
    from tidegate_training.train import Run, train  # noqa: PLC0415

    parts = split(list(metrics_of(series.dataset, series.part("train"))), settings.held_out_ratio, settings.random_state)
    return train(parts, settings, Run(checkpoint)).model


def _vus(series: Series, surprise: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    labels = series.part("test").labels
    assert labels is not None, "`labelled` lets no other series in"  # noqa: S101  # for the type checker; impossible otherwise
    return vus_pr(surprise, labels)


def fitted_figures(by_machine: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The figures of the study: VUS-PR by machine, means with intervals, and paired differences to the fitted one."""
    return {
        "vus_pr_by_machine": by_machine,
        "vus_pr": dict(_means(by_machine)),
        "fitted_less_other": {RIVAL: paired_difference(by_machine, FITTED, RIVAL)},
    }


def _means(by_machine: dict[str, dict[str, float]]) -> Iterator[tuple[str, dict[str, float]]]:
    for name in (FITTED, RIVAL):
        values = np.array([row[name] for row in by_machine.values()])
        low, high = bootstrap_interval(values)
        yield name, {"mean": float(values.mean()), "low": low, "high": high}
