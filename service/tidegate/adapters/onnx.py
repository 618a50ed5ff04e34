"""Bundles over ONNX Runtime, believed only after they were checked: forecasters here, classifiers in `onnx_classifier`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.adapters.bundles import FORECAST, MANIFEST, Bundle, Finding, check_files, raise_first, read_bundle
from tidegate.adapters.onnx_classifier import OnnxClassifier, check_classifier_graph
from tidegate.adapters.onnx_graph import ADVICE, TYPES, Signature, compare, identity_of, open_session
from tidegate.adapters.probe import check_behaviour, check_classification
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.classifier import CLASSIFY
from tidegate.core.forecaster import Float32, Float64, ForecastStep, State, row_state, rows_together
from tidegate.errors import BundleError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxForecaster:
    """A checked bundle, ready to step. Holds no state between calls; may be called from one thread at a time."""

    def __init__(self, bundle: Bundle, session: InferenceSession) -> None:
        self._manifest = bundle.manifest
        self._session = session
        self._together = rows_together(bundle.manifest)
        self._widths = {tensor.name: tensor.width for tensor in row_state(bundle.manifest)}
        self._outputs = ["quantiles", *(f"{tensor.name}_next" for tensor in bundle.manifest.state)]
        self._identity = identity_of(bundle.manifest)

    @property
    def manifest(self) -> BundleManifest:
        """What the model is."""
        return self._manifest

    @property
    def identity(self) -> str:
        """`name/version@` and the first 12 hex digits of the model's sha256."""
        return self._identity

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        """Take one reading per row; see `Forecaster.step` for shapes, dtypes and units.

        The graph sees devices: of rows that step as one it takes `elapsed` and `learn` of the first, and their state joined.

        Raises:
            BundleError: the runtime refused the inputs or failed.
        """
        if len(values) == 0:
            return ForecastStep(np.empty((0, *self._quantile_shape)), {name: rows.copy() for name, rows in state.items()})
        try:
            quantiles, *following = self._session.run(self._outputs, self._inputs(values, mask, elapsed, learn, state))
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise BundleError(f"{self.identity} failed on {len(values)} rows: {error}", advice=ADVICE) from error
        split = {name: whole.reshape(-1, width) for (name, width), whole in zip(self._widths.items(), following, strict=True)}
        return ForecastStep(quantiles.reshape(-1, *self._quantile_shape), split)

    def _inputs(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> dict[str, Any]:
        """What the graph takes, by device; arrays that do not come to whole devices raise."""
        together = self._together
        joined = {name: rows.reshape(len(rows) // together, -1) for name, rows in state.items()}
        x, observed = values.reshape(-1, together), mask.reshape(-1, together)
        return {"x": x, "mask": observed, "dt": elapsed[::together], "learn": learn[::together], **joined}

    @property
    def _quantile_shape(self) -> tuple[int, int]:
        return (len(self._manifest.horizons), len(self._manifest.quantile_levels))


def load_bundle(path: Path) -> OnnxForecaster:
    """Load the forecaster in folder `path` (`name/version/`), checking files, graph and behaviour; a few milliseconds.

    Raises:
        BundleError: it is missing, corrupt, of another task, or not what its manifest says; names file, expected and found.
    """
    model = load_model(path)
    if not isinstance(model, OnnxForecaster):
        raise_first(path, [Finding(MANIFEST, "task", FORECAST, model.manifest.task)])
        raise AssertionError("a finding raises")
    return model


def load_model(path: Path) -> OnnxClassifier | OnnxForecaster:
    """Load the bundle in folder `path`, of whichever task, checked as `load_bundle` does.

    Raises:
        BundleError: it is missing, corrupt, or not what its manifest says; names file, expected and found.
    """
    bundle = read_bundle(path)
    raise_first(path, check_files(bundle))
    session = open_session(bundle)
    raise_first(path, _graph(bundle, session))
    model = _model(bundle, session)
    raise_first(path, _behaviour(model))
    return model


def verify_bundle(path: Path) -> list[Finding]:
    """Everything that is wrong with the bundle in folder `path`; empty when it may be served.

    The model is run only when its bytes are what the manifest says, and probed only when its graph fits.

    Raises:
        BundleError: there is no bundle to look at: a file is missing, the manifest is not one, or the model does not run.
    """
    bundle = read_bundle(path)
    findings = list(check_files(bundle))
    if any(finding.what in ("sha256", "task") for finding in findings):
        return findings
    session = open_session(bundle)
    graph = list(_graph(bundle, session))
    return findings + (graph or list(_behaviour(_model(bundle, session))))


def _model(bundle: Bundle, session: InferenceSession) -> OnnxClassifier | OnnxForecaster:
    return (OnnxClassifier if bundle.manifest.task == CLASSIFY else OnnxForecaster)(bundle, session)


def _graph(bundle: Bundle, session: InferenceSession) -> Iterator[Finding]:
    check = check_classifier_graph if bundle.manifest.task == CLASSIFY else check_graph
    return check(bundle.manifest, session)


def _behaviour(model: OnnxClassifier | OnnxForecaster) -> Iterator[Finding]:
    return check_classification(model) if isinstance(model, OnnxClassifier) else check_behaviour(model)


def check_graph(manifest: BundleManifest, session: InferenceSession) -> Iterator[Finding]:
    """Yield where the graph's inputs and outputs differ from the contract (`contracts.manifest`) and the manifest's state."""
    states = {tensor.name: (TYPES.get(tensor.dtype, tensor.dtype), (tensor.width,)) for tensor in manifest.state}
    double, single = TYPES["float64"], TYPES["float32"]
    metrics = rows_together(manifest)
    inputs: Signature = {
        "x": (double, (metrics,)),
        "mask": (single, (metrics,)),
        "dt": (single, ()),
        "learn": (single, ()),
        **states,
    }
    quantiles = (double, (metrics, len(manifest.horizons), len(manifest.quantile_levels)))
    outputs: Signature = {"quantiles": quantiles, **{f"{name}_next": tensor for name, tensor in states.items()}}
    yield from compare("input", inputs, session.get_inputs())
    yield from compare("output", outputs, session.get_outputs())
