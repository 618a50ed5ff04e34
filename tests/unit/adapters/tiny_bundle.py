"""A valid bundle in a few kilobytes, for tests: an exponential mean with fixed quantile offsets, and a small carried memory."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tidegate.contracts.codec import encode
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.manifest import BundleManifest, StateTensor

OPSET = 17
Change = Callable[[onnx.GraphProto], None]


def tiny_model(change: Change = lambda _: None) -> bytes:
    """The model's bytes, after `change` had its way with the graph."""
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["mask", "half"], ["gain"]),
            helper.make_node("Mul", ["learn", "dt"], ["weight"]),
            helper.make_node("Unsqueeze", ["weight", "axis"], ["weight_column"]),
            helper.make_node("Min", ["weight_column", "one"], ["bounded"]),
            helper.make_node("Mul", ["gain", "bounded"], ["alpha"]),
            helper.make_node("Cast", ["alpha"], ["alpha_double"], to=TensorProto.DOUBLE),
            helper.make_node("Sub", ["x", "level"], ["error"]),
            helper.make_node("Mul", ["alpha_double", "error"], ["correction"]),
            helper.make_node("Add", ["level", "correction"], ["level_next"]),
            helper.make_node("Unsqueeze", ["level_next", "axes"], ["center"]),
            helper.make_node("Add", ["center", "offsets"], ["quantiles"]),
            helper.make_node("Gemm", ["memory", "recurrent"], ["recalled"]),
            helper.make_node("Add", ["recalled", "mask"], ["stirred"]),
            helper.make_node("Tanh", ["stirred"], ["memory_next"]),
        ],
        "tiny",
        [
            helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["B", 1]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["B", 1]),
            helper.make_tensor_value_info("dt", TensorProto.FLOAT, ["B"]),
            helper.make_tensor_value_info("learn", TensorProto.FLOAT, ["B"]),
            helper.make_tensor_value_info("level", TensorProto.DOUBLE, ["B", 1]),
            helper.make_tensor_value_info("memory", TensorProto.FLOAT, ["B", 3]),
        ],
        [
            helper.make_tensor_value_info("quantiles", TensorProto.DOUBLE, ["B", 1, len(HORIZONS), len(QUANTILE_LEVELS)]),
            helper.make_tensor_value_info("level_next", TensorProto.DOUBLE, ["B", 1]),
            helper.make_tensor_value_info("memory_next", TensorProto.FLOAT, ["B", 3]),
        ],
        [numpy_helper.from_array(array, name) for name, array in _constants().items()],
    )
    change(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return model.SerializeToString()


def write_bundle(
    root: Path,
    model: bytes | None = None,
    *,
    name: str = "tiny",
    version: str = "1",
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Write a bundle under `root` and return its folder; `changes` are fields of the manifest that say something else."""
    model = tiny_model() if model is None else model
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    manifest = replace(tiny_manifest(model, name, version), **changes)
    (folder / "manifest.json").write_bytes(encode(manifest))
    return folder


def tiny_manifest(model: bytes, name: str, version: str) -> BundleManifest:
    """What is true of the tiny model."""
    return BundleManifest(
        name=name,
        version=version,
        task="forecast",
        tier="light",
        metrics=[],
        units=[],
        horizons=list(HORIZONS),
        quantile_levels=list(QUANTILE_LEVELS),
        state=[StateTensor("level", "float64", 1), StateTensor("memory", "float32", 3)],
        state_bytes=20,
        warmup_readings=3,
        prior={},
        data=[],
        code_version="0",
        commit="none",
        command="none",
        created_at="2026-01-01T00:00:00Z",
        random_state=0,
        parity_max_abs=0.0,
        figures={},
        model_sha256=hashlib.sha256(model).hexdigest(),
        opset=OPSET,
    )


def _constants() -> dict[str, np.ndarray]:
    spread = np.sqrt(np.array(HORIZONS, np.float64))[:, None] * (np.array(QUANTILE_LEVELS) - 0.5)
    return {
        "half": np.array(0.5, np.float32),
        "one": np.array(1.0, np.float32),
        "axis": np.array([1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "offsets": spread[None, None].astype(np.float64),
        "recurrent": np.array([[0.5, 0.1, 0.0], [0.0, 0.5, 0.1], [0.1, 0.0, 0.5]], np.float32),
    }
