"""Forecasters over ONNX Runtime: `core.forecaster.Forecaster` from a bundle, believed only after it was checked.

One thread per session: two give the step nothing, and a fixed summation order is what makes a row's result independent
of its batch. ONNX Runtime itself is imported when the first bundle is loaded, not before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.adapters.bundles import MODEL, Bundle, Finding, check_files, raise_first, read_bundle
from tidegate.adapters.probe import check_behaviour
from tidegate.contracts.manifest import BundleManifest
from tidegate.core.forecaster import Float32, Float64, ForecastStep, State
from tidegate.errors import BundleError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_TYPES: Final = {"float32": "tensor(float)", "float64": "tensor(double)"}
_ADVICE: Final = "export the model again with this release's graph contract"
Signature = dict[str, tuple[str, tuple[int, ...]]]
"""Type and shape after the batch dimension, by tensor name."""


class OnnxForecaster:
    """A checked bundle, ready to step. Holds no state between calls; may be called from one thread at a time."""

    def __init__(self, bundle: Bundle, session: InferenceSession) -> None:
        self._manifest = bundle.manifest
        self._session = session
        self._outputs = ["quantiles", *(f"{tensor.name}_next" for tensor in bundle.manifest.state)]
        self._identity = f"{bundle.manifest.name}/{bundle.manifest.version}@{bundle.manifest.model_sha256[:12]}"

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

        Raises:
            BundleError: the runtime refused the inputs or failed.
        """
        inputs: dict[str, Any] = {"x": values[:, None], "mask": mask[:, None], "dt": elapsed, "learn": learn, **state}
        if len(values) == 0:
            return ForecastStep(np.empty((0, *self._quantile_shape[1:])), {name: rows.copy() for name, rows in state.items()})
        try:
            quantiles, *following = self._session.run(self._outputs, inputs)
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise BundleError(f"{self.identity} failed on {len(values)} rows: {error}", advice=_ADVICE) from error
        return ForecastStep(
            quantiles[:, 0], {tensor.name: rows for tensor, rows in zip(self._manifest.state, following, strict=True)}
        )

    @property
    def _quantile_shape(self) -> tuple[int, ...]:
        return (1, len(self._manifest.horizons), len(self._manifest.quantile_levels))


def load_bundle(path: Path) -> OnnxForecaster:
    """Load the bundle in folder `path` (`name/version/`), checking files, graph and behaviour; a few milliseconds.

    Raises:
        BundleError: it is missing, corrupt, or not what its manifest says; names file, expected and found.
    """
    bundle = read_bundle(path)
    raise_first(path, check_files(bundle))
    forecaster, session = _forecaster(bundle)
    raise_first(path, check_graph(bundle.manifest, session))
    raise_first(path, check_behaviour(forecaster))
    return forecaster


def verify_bundle(path: Path) -> list[Finding]:
    """Everything that is wrong with the bundle in folder `path`; empty when it may be served.

    The model is run only when its bytes are what the manifest says, and probed only when its graph fits.

    Raises:
        BundleError: there is no bundle to look at: a file is missing, the manifest is not one, or the model does not run.
    """
    bundle = read_bundle(path)
    findings = list(check_files(bundle))
    if any(finding.what == "sha256" for finding in findings):
        return findings
    forecaster, session = _forecaster(bundle)
    graph = list(check_graph(bundle.manifest, session))
    return findings + (graph or list(check_behaviour(forecaster)))


def check_graph(manifest: BundleManifest, session: InferenceSession) -> Iterator[Finding]:
    """Yield where the graph's inputs and outputs differ from the contract (`contracts.manifest`) and the manifest's state."""
    states = {tensor.name: (_TYPES.get(tensor.dtype, tensor.dtype), (tensor.width,)) for tensor in manifest.state}
    double, single = _TYPES["float64"], _TYPES["float32"]
    inputs: Signature = {"x": (double, (1,)), "mask": (single, (1,)), "dt": (single, ()), "learn": (single, ()), **states}
    quantiles = (double, (1, len(manifest.horizons), len(manifest.quantile_levels)))
    outputs: Signature = {"quantiles": quantiles, **{f"{name}_next": tensor for name, tensor in states.items()}}
    yield from _compare("input", inputs, session.get_inputs())
    yield from _compare("output", outputs, session.get_outputs())


def _compare(kind: str, expected: Signature, nodes: list[Any]) -> Iterator[Finding]:
    found = {node.name: (node.type, list(node.shape)) for node in nodes}
    for name in expected.keys() - found.keys():
        yield Finding(MODEL, f"{kind} {name}", str(expected[name]), "missing")
    for name in found.keys() - expected.keys():
        yield Finding(MODEL, f"{kind} {name}", "no such tensor", str(found[name]))
    for name in expected.keys() & found.keys():
        type_, shape = found[name]
        fits = shape and not isinstance(shape[0], int) and (type_, tuple(shape[1:])) == expected[name]
        if not fits:
            yield Finding(MODEL, f"{kind} {name}", f"{expected[name][0]} {['batch', *expected[name][1]]}", f"{type_} {shape}")


def _forecaster(bundle: Bundle) -> tuple[OnnxForecaster, InferenceSession]:
    # Recent builds report usage to their maker and leave a file in the temporary folder, unless told before the import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 takes a tenth of a second, which only those who load a bundle should pay

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(bundle.model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise BundleError(f"{bundle.path / MODEL} is not a model that runs here: {error}", advice=_ADVICE) from error
    return OnnxForecaster(bundle, session), session
