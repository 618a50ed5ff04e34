"""ONNX Runtime sessions as bundles are run in, and their graphs held against what a contract says.

One thread per session: two give a step nothing, and a fixed summation order is what makes a row's result independent of its
batch. ONNX Runtime itself is imported when the first bundle is loaded, not before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tidegate.adapters.bundles import MODEL, Bundle, Finding
from tidegate.contracts.manifest import BundleManifest
from tidegate.errors import BundleError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

TYPES: Final = {"float32": "tensor(float)", "float64": "tensor(double)"}
ADVICE: Final = "export the model again with this release's graph contract"
Signature = dict[str, tuple[str, tuple[int, ...]]]
"""Type and shape after the batch dimension, by tensor name."""


def identity_of(manifest: BundleManifest) -> str:
    """`name/version@` and the first 12 hex digits of the model's sha256."""
    return f"{manifest.name}/{manifest.version}@{manifest.model_sha256[:12]}"


def open_session(bundle: Bundle) -> InferenceSession:
    """A session on the bytes of `bundle`.

    Raises:
        BundleError: they are no model that runs here.
    """
    # Recent builds report usage to their maker and leave a file in the temporary folder, unless told before the import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 takes a tenth of a second, which only those who load a bundle should pay

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(bundle.model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise BundleError(f"{bundle.path / MODEL} is not a model that runs here: {error}", advice=ADVICE) from error


def compare(kind: str, expected: Signature, nodes: list[Any]) -> Iterator[Finding]:
    """Yield where a graph's tensors (`kind` input or output) differ from what is expected; the first dimension is the batch."""
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
