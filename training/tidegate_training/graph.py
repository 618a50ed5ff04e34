"""The exported graph, stepped by onnxruntime as the service does: for the checks and figures made before a manifest exists."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from tidegate_training.data.lanes import Window
from tidegate_training.data.series import Float64


class GraphState(NamedTuple):
    """Carried state: `scale` float64 [B, 8], `memory` float32 [B, width]; of a joint graph B are devices, `scale` is wider."""

    scale: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    memory: np.ndarray[tuple[int, ...], np.dtype[np.float32]]

    def rows(self, index: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> "GraphState":
        """Return the state of some rows, in the order of `index`."""
        return GraphState(self.scale[index], self.memory[index])


class Graph:
    """One-step graph in one thread; `metrics` rows are a device, 1 where each metric goes by itself."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._widths = {one.name: one.shape[-1] for one in self._session.get_inputs()}
        self.metrics: int = self._widths["x"]

    def fresh(self, rows: int) -> GraphState:
        """Return the state of rows never seen; they are whole devices."""
        devices = rows // self.metrics
        return GraphState(np.zeros((devices, self._widths["scale"])), np.zeros((devices, self._widths["memory"]), np.float32))

    def step(self, x: Float64, mask: Float64, dt: Float64, learn: Float64, state: GraphState) -> tuple[Float64, GraphState]:
        """Take one reading per row, each float64 [B]; return quantiles float64 [B, horizon, level] and the next state.

        Of an autoencoder, the first is its error, float64 [B].
        """
        single = [np.asarray(part, dtype=np.float32).reshape(-1, self.metrics) for part in (mask, dt, learn)]
        feeds = {"x": x.reshape(-1, self.metrics), "mask": single[0], "dt": single[1][:, 0], "learn": single[2][:, 0]}
        quantiles, scale, memory = self._session.run(None, feeds | {"scale": state.scale, "memory": state.memory})
        return quantiles.reshape(len(x), *quantiles.shape[2:]), GraphState(scale, memory)

    def follow(self, windows: list[Window]) -> Float64:
        """Return quantiles float64 [readings, lanes, horizon, level] over windows, state carried and reset as they say."""
        state, steps = self.fresh(windows[0].x.shape[1]), []
        for window in windows:
            kept = ~window.reset[:, None]  # by lane, which is a row or a device
            state = GraphState(state.scale * kept, state.memory * kept)
            for x, mask, dt in zip(window.x, window.mask, window.dt, strict=True):
                quantiles, state = self.step(x, mask, dt, np.ones_like(x), state)
                steps.append(quantiles)
        return np.stack(steps)
