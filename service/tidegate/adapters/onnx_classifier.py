"""Classifiers of records over ONNX Runtime: `core.classifier.Classifier` from a bundle of task `classify`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.adapters.bundles import Bundle, Finding
from tidegate.adapters.onnx_graph import ADVICE, TYPES, Signature, compare, identity_of
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.classifier import Classified
from tidegate.core.forecaster import Float64
from tidegate.errors import BundleError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

INPUT: Final = "records"
OUTPUTS: Final = ("probabilities", "log_likelihood", "energy")


class OnnxClassifier:
    """A checked bundle, ready to ask. Holds no state; may be called from one thread at a time."""

    def __init__(self, bundle: Bundle, session: InferenceSession) -> None:
        self._manifest = bundle.manifest
        self._session = session

    @property
    def manifest(self) -> BundleManifest:
        """What the model is."""
        return self._manifest

    @property
    def identity(self) -> str:
        """`name/version@` and the first 12 hex digits of the model's sha256."""
        return identity_of(self._manifest)

    def classify(self, records: Float64) -> Classified:
        """Classify records float64 [B, column]; see `Classifier.classify`.

        Raises:
            BundleError: the runtime refused the records or failed.
        """
        classes = len(self._manifest.prior)
        if len(records) == 0:
            nothing = np.empty((0, classes), np.float32)
            return Classified(nothing, nothing, np.empty(0, np.float32))
        try:
            probabilities, log_likelihood, energy = self._session.run(list(OUTPUTS), {INPUT: np.ascontiguousarray(records)})
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise BundleError(f"{self.identity} failed on {len(records)} records: {error}", advice=ADVICE) from error
        return Classified(probabilities, log_likelihood, energy)


def check_classifier_graph(manifest: BundleManifest, session: InferenceSession) -> Iterator[Finding]:
    """Yield where the graph's input and outputs differ from the manifest's columns and classes."""
    double, single, classes = TYPES["float64"], TYPES["float32"], len(manifest.prior)
    outputs: Signature = dict.fromkeys(OUTPUTS[:2], (single, (classes,))) | {OUTPUTS[2]: (single, ())}
    yield from compare("input", {INPUT: (double, (len(manifest.metrics),))}, session.get_inputs())
    yield from compare("output", outputs, session.get_outputs())
