"""A valid bundle in a few kilobytes, for tests: an exponential mean with fixed quantile offsets, and a small carried memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from tiny_parts import OPSET, Change, exponential_mean, forecast_ends, mean_constants, model_bytes, write_folder

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.manifest import BundleManifest, StateTensor


def tiny_model(change: Change = lambda _: None) -> bytes:
    """The model's bytes, after `change` had its way with the graph."""
    nodes = [
        *exponential_mean(),
        helper.make_node("Unsqueeze", ["level_next", "axes"], ["center"]),
        helper.make_node("Add", ["center", "offsets"], ["quantiles"]),
        helper.make_node("Gemm", ["memory", "recurrent"], ["recalled"]),
        helper.make_node("Add", ["recalled", "mask"], ["stirred"]),
        helper.make_node("Tanh", ["stirred"], ["memory_next"]),
    ]
    ends = forecast_ends(1, [("level", TensorProto.DOUBLE, 1), ("memory", TensorProto.FLOAT, 3)])
    recurrent = np.array([[0.5, 0.1, 0.0], [0.0, 0.5, 0.1], [0.1, 0.0, 0.5]], np.float32)
    return model_bytes("tiny", nodes, ends, {**mean_constants(), "recurrent": recurrent}, change)


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
    return write_folder(root / name / version, model, replace(tiny_manifest(model, name, version), **changes))


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
