"""What the core needs of a classifier: records in, class probabilities out, as arrays. The ONNX adapter implements it.

A record is one reading whose values belong together (a network flow); a record's result depends on that record alone
(batch-size invariance, bit for bit). Nothing is carried between calls: what builds up is the core's business.
"""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.manifest import BundleManifest
from tidegate.core.forecaster import Float32, Float64, Forecaster

CLASSIFY: Final = "classify"
"""The task of such a bundle."""


@dataclass(frozen=True, slots=True)
class Classified:
    """Of B records: `probabilities` and `log_likelihood` float32 [B, class], the second free of the shares that classes had in
    training; `energy` float32 [B], low where no class fits."""

    probabilities: Float32
    log_likelihood: Float32
    energy: Float32


@runtime_checkable
class Classifier(Protocol):
    """A classifier of records, ready to ask. Holds no state; one thread at a time may call it."""

    @property
    def manifest(self) -> BundleManifest:
        """What the model is; `manifest.metrics` names the columns of a record, in order."""
        ...

    @property
    def identity(self) -> str:
        """`name/version@` and the first 12 hex digits of the model's sha256: what facts cite."""
        ...

    def classify(self, records: Float64) -> Classified:
        """Classify records float64 [B, column] as measured, NaN for missing; changes no input. Empty gives empty."""
        ...


Model = Forecaster | Classifier
"""What the name of a bundle may mean: a forecaster of each metric, or a classifier of whole records."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassSet:
    """What a manifest says of classes: `names`, which of them are `attacks` bool [class], the least energy of what the model
    knows, and the share (ratio) of records of known classes that reach it."""

    names: tuple[str, ...]
    attacks: NDArray[np.bool_]
    known_limit: float
    known_share: float


def class_set(manifest: BundleManifest) -> ClassSet:
    """Read the classes of a manifest of task `classify`: `prior` by class, `settings` with `normal`, `known_limit` and
    `known_share`.

    Raises:
        KeyError, ValueError: it says none, or none that make sense; `adapters.bundles` refuses it before.
    """
    names = tuple(manifest.prior)
    normal = str(manifest.settings["normal"]).split(",")
    return ClassSet(
        names,
        np.array([name not in normal for name in names], dtype=bool),
        float(manifest.settings["known_limit"]),
        float(manifest.settings["known_share"]),
    )
