"""From torch to the graph a bundle ships: one step, any number of rows, nothing in it but what the step computes."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import onnx
import torch

from tidegate.contracts.manifest import StateTensor
from tidegate_training.models.autoencoder import Autoencoder
from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.running_scale import SCALE_COLUMNS

OPSET: Final = 18
"""Oldest opset with every operator the step uses in float64; onnxruntime 1.20 and later know it."""

INPUTS: Final = ("x", "mask", "dt", "learn", "scale", "memory")
OUTPUTS: Final = ("quantiles", "scale_next", "memory_next")


def export_graph(model: Forecaster | Autoencoder, path: Path) -> None:
    """Write the one-step graph of `model` to `path`, checked by onnx, without traces of the machine that made it."""
    scale, memory = model.fresh(2)
    metrics = model.metrics
    example = (torch.zeros(2, metrics, dtype=torch.float64), torch.ones(2, metrics), torch.ones(2), torch.ones(2), scale, memory)
    outputs = OUTPUTS if isinstance(model, Forecaster) else ("error", *OUTPUTS[1:])
    write_graph(model, example, (INPUTS, outputs), path)


def write_graph(
    model: torch.nn.Module, example: tuple[torch.Tensor, ...], names: tuple[Sequence[str], Sequence[str]], path: Path
) -> None:
    """Write the graph of `model` to `path`, checked by onnx, without traces of the machine that made it.

    `example` is an input of two rows; a graph takes any number. `names` are those of its inputs and of its outputs.
    """
    rows = torch.export.Dim("rows", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecated internals
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model.eval(),
            example,
            dynamo=True,
            dynamic_shapes=tuple({0: rows} for _ in example),
            input_names=names[0],
            output_names=names[1],
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    graph = anonymous(program.model_proto)
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString())


def state_tensors(model: Forecaster) -> list[StateTensor]:
    """Return the carried state as the manifest names it."""
    scale = StateTensor("scale", "float64", model.metrics * len(SCALE_COLUMNS))
    return [scale, StateTensor("memory", "float32", model.memory_width)]


def state_bytes(model: Forecaster) -> int:
    """Return the bytes of state per row, or per device of a joint forecaster."""
    return sum(tensor.width * (8 if tensor.dtype == "float64" else 4) for tensor in state_tensors(model))


def anonymous(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes for debugging: source lines, folders, module names; it is most of the file."""
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.graph.value_info, *graph.graph.input, *graph.graph.output, *graph.graph.initializer):
        del value.metadata_props[:]
    return graph
