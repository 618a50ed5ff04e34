"""Track B: each machine judged with forecasters fitted on its own train part and on nothing else, beside PCA fitted on the same.

Track A, the detection study, asks what a frozen bundle does for a machine it never saw; this one, whether training for the
machine would have been worth it, each metric by itself or all of them together. The rest of the detector is as shipped. Needs
torch.
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
from tidegate_training.evaluate.progress import Report, counting
from tidegate_training.evaluate.scoring import judge_by_service, on_test_part, profile_of, universal_forecaster
from tidegate_training.evaluate.spread import spread
from tidegate_training.evaluate.verdicts import surprises
from tidegate_training.evaluate.vus import vus_pr
from tidegate_training.settings import JointSettings, UniversalSettings

if TYPE_CHECKING:
    from tidegate_training.data.series import Series as Grid
    from tidegate_training.models.forecaster import Forecaster as Network

DATASETS: Final = ("smd", "asd")
"""Machines of many metrics with a train part of their own."""

SETTINGS: Final = UniversalSettings(lanes=64, updates_per_epoch=50, epochs=8, patience=3, lane_readings=1500)
"""A tenth of the universal bundle's updates on a quarter of its lanes: one machine has a thousandth of its variety."""

JOINT_SETTINGS: Final = JointSettings(lanes=16, updates_per_epoch=50, epochs=8, patience=3, lane_readings=1500)
"""As many updates; a lane holds all metrics of the machine."""

FITTED: Final = "tidegate, fitted"
JOINTLY: Final = "tidegate, fitted jointly"
RIVAL: Final = "PCA"
DETECTORS: Final = (FITTED, JOINTLY, RIVAL)

NOTES: Final = (
    "Track B: the forecaster of each machine is trained on that machine's train part (the last 15 % of it held out to stop by), "
    "exported and loaded like any bundle; then the train part is streamed as history and the test part counts, as in track A.",
    "`tidegate, fitted` forecasts each metric by itself, with one model for all of them; `tidegate, fitted jointly` is a joint "
    "bundle, which forecasts each from all metrics of the machine. All else of the detector is the same for both.",
    "PCA is fitted on the same train part. What the shipped bundle does on these machines (track A) is in the detection study.",
    "VUS-PR as in the detection study. SMD's machines were scaled over train and test together by their publishers.",
)


@dataclass(frozen=True, slots=True)
class FitJob:
    """A machine to train for and to judge; by `JointSettings`, with all its metrics together."""

    series: Series
    configuration: CoreConfiguration
    settings: UniversalSettings

    @property
    def jointly(self) -> bool:
        """Whether the metrics are forecast together."""
        return isinstance(self.settings, JointSettings)


def run_fitted(
    folder: Path,
    configuration: CoreConfiguration,
    *,
    limit: int | None = None,
    settings: UniversalSettings = SETTINGS,
    joint_settings: JointSettings = JOINT_SETTINGS,
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
    jobs = [FitJob(series, configuration, each) for each in (settings, joint_settings) for series in taken]
    more = counting(report, "forecasters", len(jobs))
    more(0)
    said = spread(fit_and_judge, jobs, processes=processes, finished=lambda _: more(1))
    rivals = surprises(taken, [RIVAL], processes=processes)[RIVAL]
    return {
        f"{series.dataset}/{series.device}": {
            FITTED: _vus(series, fitted.surprise),
            JOINTLY: _vus(series, jointly.surprise),
            RIVAL: _vus(series, rival[series.train_rows :]),
        }
        for series, fitted, jointly, rival in zip(taken, said[: len(taken)], said[len(taken) :], rivals, strict=True)
    }


def fit_and_judge(job: FitJob) -> Judgement:
    """What the service says of the machine's test part with a forecaster of its own."""
    shipped = universal_forecaster()
    with tempfile.TemporaryDirectory(prefix="tidegate-fitted-") as work:
        own = fit(job.series, job.settings, shipped.manifest, Path(work))
    if job.jointly:
        profile = replace(profile_of(job.series, job.configuration), bundle=own.manifest.name)
        configuration = replace(job.configuration, profiles={**job.configuration.profiles, profile.name: profile})
        judged = judge_by_service([job.series], configuration, shipped, others={own.manifest.name: own})
    else:
        judged = judge_by_service([job.series], job.configuration, own)
    return on_test_part(judged[0], job.series.train_rows)


def fit(series: Series, settings: UniversalSettings, like: BundleManifest, work: Path) -> Forecaster:
    """Train on the train part of `series`; the manifest, fleet prior included, is `like` but for the model and its metrics."""
    from tidegate_training import bundle, checks, export  # noqa: PLC0415  # torch, for this study only

    if isinstance(settings, JointSettings):
        like = replace(like, name="fitted", metrics=list(series.metrics), units=[""] * len(series.metrics))
    model, folder = train_for(series, settings, work / "checkpoint.pt"), work / like.name / like.version
    folder.mkdir(parents=True)
    hard = checks.hard_readings(200, 16 if model.metrics == 1 else 2 * model.metrics, metrics=model.metrics)
    export.export_graph(model, folder / bundle.MODEL)
    manifest = replace(
        like,
        state=export.state_tensors(model),
        state_bytes=export.state_bytes(model),
        parity_max_abs=checks.parity(model, folder / bundle.MODEL, hard),
        model_sha256=bundle.model_sha256(folder),
    )
    bundle.write_manifest(folder, manifest)
    return load_bundle(folder)


def train_for(series: Series, settings: UniversalSettings, checkpoint: Path) -> "Network":
    """Train on the train part of `series` alone: a model that takes each metric by itself, or by `JointSettings` all at once."""
    from tidegate_training.data.devices import device_series  # noqa: PLC0415  # torch, as above
    from tidegate_training.data.sources import metrics_of  # noqa: PLC0415  # torch, as above
    from tidegate_training.data.splits import split  # noqa: PLC0415
    from tidegate_training.train import Run, train  # noqa: PLC0415

    part: list[Grid] = list(metrics_of(series.dataset, series.part("train")))
    if isinstance(settings, JointSettings):
        settings = replace(settings, metrics=len(series.metrics))
        part = [device_series(series.part("train"), series.metrics)]
    return train(split(part, settings.held_out_ratio, settings.random_state), settings, Run(checkpoint)).model


def _vus(series: Series, surprise: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    labels = series.part("test").labels
    assert labels is not None, "`labelled` lets no other series in"  # noqa: S101  # for the type checker; impossible otherwise
    return vus_pr(surprise, labels)


def fitted_figures(by_machine: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The figures of the study: VUS-PR by machine, means with intervals, and paired differences to the fitted ones."""
    return {
        "vus_pr_by_machine": by_machine,
        "vus_pr": dict(_means(by_machine)),
        "fitted_less_other": {name: paired_difference(by_machine, FITTED, name) for name in (JOINTLY, RIVAL)},
        "jointly_less_other": {RIVAL: paired_difference(by_machine, JOINTLY, RIVAL)},
    }


def _means(by_machine: dict[str, dict[str, float]]) -> Iterator[tuple[str, dict[str, float]]]:
    for name in DETECTORS:
        values = np.array([row[name] for row in by_machine.values()])
        low, high = bootstrap_interval(values)
        yield name, {"mean": float(values.mean()), "low": low, "high": high}
