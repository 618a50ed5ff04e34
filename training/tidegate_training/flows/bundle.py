"""A classifier's bundle: writing it, and reading it back to classify records by the names of their features."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

import tidegate
from tidegate.contracts.codec import decode
from tidegate.contracts.ids import MetricName
from tidegate.contracts.manifest import BundleManifest, TrainingData
from tidegate.errors import BundleError, InputError
from tidegate_training.bundle import MANIFEST, MODEL
from tidegate_training.evaluate.flow_table import FlowTable
from tidegate_training.export import OPSET
from tidegate_training.flows.calibration import group_log_odds
from tidegate_training.flows.classifier import TrainedClassifier
from tidegate_training.flows.export import FlowSession
from tidegate_training.flows.settings import FlowSettings
from tidegate_training.provenance import commit, now

Float64 = NDArray[np.float64]

TASK: Final = "classify"
INT8: Final = "model.int8.onnx"
UNKNOWN: Final = "unknown"
"""What a record is called that fits no class."""


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """Of each record: `label` (a class, or `unknown`), `probabilities` [N, class], natural `log_odds` [N] of attack."""

    label: NDArray[np.str_]
    probabilities: Float64
    log_odds: Float64


class FlowBundle:
    """A bundle as read, in float32 or int8."""

    def __init__(self, folder: Path, *, int8: bool = False) -> None:
        """Read and check the files.

        Raises:
            BundleError: a file is missing or differs from the manifest, or the bundle is no classifier.
        """
        try:
            self.manifest = decode((folder / MANIFEST).read_bytes(), BundleManifest)
            model = (folder / (INT8 if int8 else MODEL)).read_bytes()
        except (OSError, InputError) as error:
            raise BundleError(f"cannot read the bundle {folder}: {error}", advice="train it again") from error
        if self.manifest.task != TASK:
            raise BundleError(f"bundle {folder}: task is {self.manifest.task}, expected {TASK}", advice="give a bundle of flows")
        expected = str(self.manifest.settings["int8_sha256"]) if int8 else self.manifest.model_sha256
        if hashlib.sha256(model).hexdigest() != expected:
            raise BundleError(f"bundle {folder}: the model is not the one its manifest was made for", advice="train it again")
        self.classes = tuple(self.manifest.prior)
        self._session = FlowSession(model)
        self._attacks = ~np.isin(self.classes, str(self.manifest.settings["normal"]).split(","))

    def classify(self, features: Float64, names: Sequence[str]) -> Classified:
        """Classify records float64 [N, F] whose columns are `names`, in any order; others are passed over, NaN is imputed.

        Raises:
            InputError: a feature the model needs is not among `names`.
        """
        if missing := [name for name in self.manifest.metrics if name not in names]:
            raise InputError(
                f"flow records have no {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}; "
                f"{len(self.manifest.metrics)} features are expected",
                advice="give the columns the model was trained on; leave values out rather than columns",
            )
        columns = [list(names).index(name) for name in self.manifest.metrics]
        probabilities, log_likelihood, energy = self._session.run(features[:, columns])
        label = np.where(
            energy < float(self.manifest.settings["known_limit"]), UNKNOWN, np.array(self.classes)[probabilities.argmax(1)]
        )
        return Classified(label, probabilities.astype(np.float64), group_log_odds(log_likelihood, self._attacks))


def write_flow_manifest(
    folder: Path,
    table: FlowTable,
    trained: TrainedClassifier,
    settings: FlowSettings,
    *,
    normal: Sequence[str],
    version: str,
    command: str,
    figures: dict[str, float],
) -> BundleManifest:
    """Write the manifest beside the models in `folder`; `normal` are the classes that are no attack.

    Raises:
        BundleError: it cannot be read back.
    """
    shares = np.exp(trained.log_prior)
    plain = {name: value for name, value in asdict(settings).items() if isinstance(value, int | float | str)}
    manifest = BundleManifest(
        name=folder.parent.name,
        version=version,
        task=TASK,
        tier="full",
        metrics=[MetricName(name) for name in table.feature_names],
        units=[""] * len(table.feature_names),
        horizons=[],
        quantile_levels=[],
        state=[],
        state_bytes=0,
        warmup_readings=0,
        prior={name: [float(shares[i])] for i, name in enumerate(table.class_names)},
        data=[TrainingData("rt-iot2022", 1, len(table.classes), _hash(table))],
        code_version=tidegate.__version__,
        commit=commit(),
        command=command,
        created_at=now(),
        random_state=settings.random_state,
        parity_max_abs=figures["parity_max_abs"],
        figures=figures,
        model_sha256=_file_hash(folder / MODEL),
        opset=OPSET,
        settings={
            **plain,
            "hidden": ",".join(map(str, settings.hidden)),
            "temperature": trained.temperature,
            "known_limit": trained.known_limit,
            "normal": ",".join(normal),
            "int8_sha256": _file_hash(folder / INT8),
        },
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    FlowBundle(folder)
    return manifest


def _hash(table: FlowTable) -> str:
    digest = hashlib.sha256("\0".join((*table.feature_names, *table.class_names)).encode())
    digest.update(np.ascontiguousarray(table.features, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(table.classes, dtype="<i8").tobytes())
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
