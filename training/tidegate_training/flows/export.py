"""From torch to the graphs a bundle ships, in float32 and static int8, and how far they are from torch and how fast.

The int8 graph is made by onnxruntime: per-channel weights, activation ranges from training rows. Only dense layers are
quantised; preparation and softmax stay as they are. Its scales are fixed, so that a record's result does not depend on its batch.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from tidegate_training.export import write_graph
from tidegate_training.models.flow_classifier import FlowGraph

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

INPUT: Final = "records"
OUTPUTS: Final = ("probabilities", "log_likelihood", "energy")

CALIBRATION_ROWS: Final = 2000
"""Training rows whose activations fix the int8 ranges."""


class FlowSession:
    """A graph in one thread, from a file or its bytes."""

    def __init__(self, model: Path | bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        source = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self.width = int(self._session.get_inputs()[0].shape[1])

    def run(self, records: Float64) -> tuple[Float32, Float32, Float32]:
        """Probabilities and log-likelihood float32 [N, class], and energy float32 [N], of records float64 [N, F]."""
        probabilities, log_likelihood, energy = self._session.run(list(OUTPUTS), {INPUT: np.asarray(records, np.float64)})
        return probabilities, log_likelihood, energy


def export_flow_graph(graph: FlowGraph, width: int, path: Path) -> None:
    """Write `graph` for records of `width` features to `path`, checked by onnx, without traces of the machine that made it."""
    write_graph(graph, (torch.zeros(2, width, dtype=torch.float64),), ([INPUT], OUTPUTS), path)


def quantise(source: Path, records: Float64, target: Path) -> None:
    """Write the int8 graph of `source` to `target`; activation ranges come from `records` float64 [N, F], training rows."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static  # noqa: PLC0415  # slow to import

    class Rows(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._parts: Iterator[Float64] = iter(np.array_split(records[:CALIBRATION_ROWS], 10))

        def get_next(self) -> dict[str, Any] | None:
            part = next(self._parts, None)
            return None if part is None or not len(part) else {INPUT: part}

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises pre-processing, which this graph does not need, on the root logger
    try:
        quantize_static(
            source,
            target,
            Rows(),
            op_types_to_quantize=["Gemm", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.disable(before)


def largest_difference(graph: FlowGraph, session: FlowSession, records: Float64) -> float:
    """Largest absolute difference of a probability, torch to the exported graph, over `records`."""
    with torch.no_grad():
        expected = graph(torch.from_numpy(records))[0].numpy()
    return float(np.abs(expected - session.run(records)[0]).max())


def batch_differences(session: FlowSession, records: Float64) -> int:
    """How many of `records` get another result alone than together."""
    together = session.run(records)[1]
    return sum(not np.array_equal(session.run(records[i : i + 1])[1][0], together[i]) for i in range(len(records)))


def speed(session: FlowSession, records: Float64, batch: int, seconds: float = 0.5) -> tuple[float, float]:
    """Records per second, and the median time of a call in microseconds, for calls of `batch` records, over about `seconds`."""
    rows = np.resize(records, (batch, records.shape[1]))
    session.run(rows)
    took: list[float] = []
    while sum(took) < seconds:
        began = time.perf_counter()
        session.run(rows)
        took.append(time.perf_counter() - began)
    middle = float(np.median(took))
    return batch / middle, middle * 1e6
