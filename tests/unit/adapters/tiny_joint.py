"""A joint bundle in a few kilobytes, for tests: exponential means of three metrics, and a memory in which they meet."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_bundle import OPSET, tiny_manifest

from tidegate.contracts.codec import encode
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.ids import MetricName
from tidegate.contracts.manifest import StateTensor

METRICS = tuple(MetricName(name) for name in ("heat", "flow", "speed"))
UNITS = ("°C", "", "m/s")
PUSH = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.25, 0.0, 0.0]], np.float32)
"""How much the memory of a metric (row) moves that of another (column)."""

Change = Callable[[onnx.GraphProto], None]


def joint_model(change: Change = lambda _: None) -> bytes:
    """The model's bytes, after `change` had its way with the graph. A forecast is the level plus the metric's memory."""
    states = [("level", TensorProto.DOUBLE, 3), ("memory", TensorProto.FLOAT, 6)]
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
            helper.make_node("Split", ["memory", "halves"], ["told", "spare"], axis=1),
            helper.make_node("Gemm", ["told", "push"], ["heard"]),
            helper.make_node("Add", ["heard", "mask"], ["stirred"]),
            helper.make_node("Tanh", ["stirred"], ["recalled"]),
            helper.make_node("Concat", ["recalled", "spare"], ["memory_next"], axis=1),
            helper.make_node("Cast", ["recalled"], ["moved"], to=TensorProto.DOUBLE),
            helper.make_node("Add", ["level_next", "moved"], ["expected"]),
            helper.make_node("Unsqueeze", ["expected", "axes"], ["center"]),
            helper.make_node("Add", ["center", "offsets"], ["quantiles"]),
        ],
        "joint",
        [
            helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["B", 3]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["B", 3]),
            helper.make_tensor_value_info("dt", TensorProto.FLOAT, ["B"]),
            helper.make_tensor_value_info("learn", TensorProto.FLOAT, ["B"]),
            *(helper.make_tensor_value_info(name, dtype, ["B", width]) for name, dtype, width in states),
        ],
        [
            helper.make_tensor_value_info("quantiles", TensorProto.DOUBLE, ["B", 3, len(HORIZONS), len(QUANTILE_LEVELS)]),
            *(helper.make_tensor_value_info(f"{name}_next", dtype, ["B", width]) for name, dtype, width in states),
        ],
        [numpy_helper.from_array(array, name) for name, array in _constants().items()],
    )
    change(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return model.SerializeToString()


def write_joint(
    root: Path, model: bytes | None = None, *, name: str = "pump", changes: Mapping[str, Any] = MappingProxyType({})
) -> Path:
    """Write the bundle under `root` and return its folder; `changes` are fields of the manifest that say something else."""
    model = joint_model() if model is None else model
    folder = root / name / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    state = [StateTensor("level", "float64", 3), StateTensor("memory", "float32", 6)]
    sound = replace(tiny_manifest(model, name, "1"), metrics=list(METRICS), units=list(UNITS), state=state, state_bytes=48)
    (folder / "manifest.json").write_bytes(encode(replace(sound, **changes)))
    return folder


def _constants() -> dict[str, np.ndarray]:
    spread = np.sqrt(np.array(HORIZONS, np.float64))[:, None] * (np.array(QUANTILE_LEVELS) - 0.5)
    return {
        "half": np.array(0.5, np.float32),
        "one": np.array(1.0, np.float32),
        "axis": np.array([1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "halves": np.array([3, 3], np.int64),
        "offsets": spread[None, None],
        "push": PUSH,
    }
