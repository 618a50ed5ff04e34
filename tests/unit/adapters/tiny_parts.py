"""What the tiny bundles are made of: a graph with its ends and constants, the exponential mean in it, and the bundle's folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tidegate.contracts.codec import encode
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.manifest import BundleManifest

OPSET = 17

Change = Callable[[onnx.GraphProto], None]

End = tuple[str, int, list[str | int]]
"""An input or output: name, type, shape."""


def model_bytes(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    ends: tuple[Sequence[End], Sequence[End]],
    constants: Mapping[str, np.ndarray],
    change: Change,
) -> bytes:
    """A model of `nodes` between its inputs and outputs, the `ends`, after `change` had its way with the graph."""
    inputs, outputs = ([helper.make_tensor_value_info(*end) for end in side] for side in ends)
    values = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, values)
    change(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return model.SerializeToString()


def exponential_mean() -> list[onnx.NodeProto]:
    """Nodes by which `level` follows `x` and becomes `level_next`, by half of what differs in a `dt` of one."""
    return [
        helper.make_node("Mul", ["mask", "half"], ["gain"]),
        helper.make_node("Mul", ["learn", "dt"], ["weight"]),
        helper.make_node("Unsqueeze", ["weight", "axis"], ["weight_column"]),
        helper.make_node("Min", ["weight_column", "one"], ["bounded"]),
        helper.make_node("Mul", ["gain", "bounded"], ["alpha"]),
        helper.make_node("Cast", ["alpha"], ["alpha_double"], to=TensorProto.DOUBLE),
        helper.make_node("Sub", ["x", "level"], ["error"]),
        helper.make_node("Mul", ["alpha_double", "error"], ["correction"]),
        helper.make_node("Add", ["level", "correction"], ["level_next"]),
    ]


def mean_constants() -> dict[str, np.ndarray]:
    """Constants of `exponential_mean`, and the `offsets` of the quantiles, which widen with the horizon."""
    spread = np.sqrt(np.array(HORIZONS, np.float64))[:, None] * (np.array(QUANTILE_LEVELS) - 0.5)
    return {
        "half": np.array(0.5, np.float32),
        "one": np.array(1.0, np.float32),
        "axis": np.array([1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "offsets": spread[None, None],
    }


def forecast_ends(metrics: int, states: Sequence[tuple[str, int, int]]) -> tuple[list[End], list[End]]:
    """Inputs and outputs of a step that forecasts `metrics` at once and carries `states` (name, type, width)."""
    inputs: list[End] = [
        ("x", TensorProto.DOUBLE, ["B", metrics]),
        ("mask", TensorProto.FLOAT, ["B", metrics]),
        ("dt", TensorProto.FLOAT, ["B"]),
        ("learn", TensorProto.FLOAT, ["B"]),
        *((name, dtype, ["B", width]) for name, dtype, width in states),
    ]
    outputs: list[End] = [
        ("quantiles", TensorProto.DOUBLE, ["B", metrics, len(HORIZONS), len(QUANTILE_LEVELS)]),
        *((f"{name}_next", dtype, ["B", width]) for name, dtype, width in states),
    ]
    return inputs, outputs


def write_folder(folder: Path, model: bytes, manifest: BundleManifest) -> Path:
    """Write the bundle to `folder`, which is made, and return it."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    (folder / "manifest.json").write_bytes(encode(manifest))
    return folder
