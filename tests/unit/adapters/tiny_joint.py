"""A joint bundle in a few kilobytes, for tests: exponential means of three metrics, and a memory in which they meet."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from tiny_bundle import tiny_manifest
from tiny_parts import Change, exponential_mean, forecast_ends, mean_constants, model_bytes, write_folder

from tidegate.contracts.ids import MetricName
from tidegate.contracts.manifest import StateTensor

METRICS = tuple(MetricName(name) for name in ("heat", "flow", "speed"))
UNITS = ("°C", "", "m/s")
PUSH = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.25, 0.0, 0.0]], np.float32)
"""How much the memory of a metric (row) moves that of another (column)."""


def joint_model(change: Change = lambda _: None) -> bytes:
    """The model's bytes, after `change` had its way with the graph. A forecast is the level plus the metric's memory."""
    nodes = [
        *exponential_mean(),
        helper.make_node("Split", ["memory", "halves"], ["told", "spare"], axis=1),
        helper.make_node("Gemm", ["told", "push"], ["heard"]),
        helper.make_node("Add", ["heard", "mask"], ["stirred"]),
        helper.make_node("Tanh", ["stirred"], ["recalled"]),
        helper.make_node("Concat", ["recalled", "spare"], ["memory_next"], axis=1),
        helper.make_node("Cast", ["recalled"], ["moved"], to=TensorProto.DOUBLE),
        helper.make_node("Add", ["level_next", "moved"], ["expected"]),
        helper.make_node("Unsqueeze", ["expected", "axes"], ["center"]),
        helper.make_node("Add", ["center", "offsets"], ["quantiles"]),
    ]
    ends = forecast_ends(3, [("level", TensorProto.DOUBLE, 3), ("memory", TensorProto.FLOAT, 6)])
    constants = {**mean_constants(), "halves": np.array([3, 3], np.int64), "push": PUSH}
    return model_bytes("joint", nodes, ends, constants, change)


def write_joint(
    root: Path, model: bytes | None = None, *, name: str = "pump", changes: Mapping[str, Any] = MappingProxyType({})
) -> Path:
    """Write the bundle under `root` and return its folder; `changes` are fields of the manifest that say something else."""
    model = joint_model() if model is None else model
    state = [StateTensor("level", "float64", 3), StateTensor("memory", "float32", 6)]
    sound = replace(tiny_manifest(model, name, "1"), metrics=list(METRICS), units=list(UNITS), state=state, state_bytes=48)
    return write_folder(root / name / "1", model, replace(sound, **changes))
