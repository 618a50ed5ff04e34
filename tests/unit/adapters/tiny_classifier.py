"""A valid bundle of task `classify` in a kilobyte, for tests: a linear softmax over two columns, missing values as 0."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from tiny_bundle import tiny_manifest
from tiny_parts import Change, End, model_bytes, write_folder

from tidegate.contracts.ids import MetricName

COLUMNS = ("bytes", "packets")
CLASSES = ("calm", "scan", "flood")


def tiny_classifier(change: Change = lambda _: None) -> bytes:
    """The model's bytes, after `change` had its way with the graph."""
    nodes = [
        helper.make_node("IsNaN", ["records"], ["missing"]),
        helper.make_node("Where", ["missing", "nothing", "records"], ["filled"]),
        helper.make_node("Max", ["filled", "least"], ["bounded_below"]),
        helper.make_node("Min", ["bounded_below", "most"], ["bounded"]),
        helper.make_node("Cast", ["bounded"], ["inputs"], to=TensorProto.FLOAT),
        helper.make_node("Gemm", ["inputs", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("LogSoftmax", ["logits"], ["log_likelihood"], axis=1),
        helper.make_node("ReduceLogSumExp", ["logits"], ["energy"], axes=[1], keepdims=0),
    ]
    inputs: list[End] = [("records", TensorProto.DOUBLE, ["B", len(COLUMNS)])]
    outputs: list[End] = [
        ("probabilities", TensorProto.FLOAT, ["B", len(CLASSES)]),
        ("log_likelihood", TensorProto.FLOAT, ["B", len(CLASSES)]),
        ("energy", TensorProto.FLOAT, ["B"]),
    ]
    return model_bytes("tiny-classifier", nodes, (inputs, outputs), _constants(), change)


def write_classifier(root: Path, model: bytes | None = None, *, changes: Mapping[str, Any] = MappingProxyType({})) -> Path:
    """Write the bundle `flows/1` under `root` and return its folder; `changes` are fields that say something else."""
    model = tiny_classifier() if model is None else model
    sound = replace(
        tiny_manifest(model, "flows", "1"),
        task="classify",
        metrics=[MetricName(name) for name in COLUMNS],
        units=["", ""],
        horizons=[],
        quantile_levels=[],
        state=[],
        state_bytes=0,
        warmup_readings=0,
        prior={name: [1 / 3] for name in CLASSES},
        settings={"normal": "calm", "known_limit": -5.0, "known_share": 0.95},
        model_sha256=hashlib.sha256(model).hexdigest(),
    )
    return write_folder(root / "flows" / "1", model, replace(sound, **changes))


def without(name: str) -> Change:
    """Leave the output `name` out."""

    def change(graph: onnx.GraphProto) -> None:
        kept = [output for output in graph.output if output.name != name]
        del graph.output[:]
        graph.output.extend(kept)

    return change


def _constants() -> dict[str, np.ndarray]:
    return {
        "nothing": np.array(0.0),
        "least": np.array(-20.0),
        "most": np.array(20.0),
        "weights": np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]], np.float32),
        "bias": np.array([4.0, -4.0, -4.0], np.float32),
    }
