"""What a graph costs to step: latency of one record and of 256, records per second, CPU time, and energy by assumption."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from tidegate_training.checks import Readings, hard_readings
from tidegate_training.graph import Graph

WATTS_PER_CORE: Final = 15.0
"""Assumed draw of one busy server core, watts: nothing here measures energy. Halve it and every estimate halves."""

BATCHES: Final = (1, 256)


def speed(graph: bytes, steps: int) -> dict[str, float]:
    """Step `graph` in one thread; latencies are medians of wall time, the rest is CPU time at the largest batch."""
    with TemporaryDirectory(prefix="tidegate-models-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(graph)
        session = Graph(path)
    found: dict[str, float] = {}
    for rows in BATCHES:
        walls, cpu = _timed(session, hard_readings(steps, rows), steps)
        found[f"latency_us_batch_{rows}"] = float(np.median(walls)) * 1e6
    records = steps * BATCHES[-1]
    return found | {
        "records_per_cpu_second": records / cpu,
        "energy_estimate_mwh_per_million_records": cpu / records * 1e6 * WATTS_PER_CORE / 3.6,
    }


def _timed(session: Graph, readings: Readings, steps: int) -> tuple[list[float], float]:
    """Wall seconds of each step and CPU seconds of all."""
    state, walls = session.fresh(readings.x.shape[1]), []
    _, state = session.step(readings.x[0], readings.mask[0], readings.dt[0], readings.learn[0], state)
    began = time.process_time()
    for i in range(steps):
        started = time.perf_counter()
        _, state = session.step(readings.x[i], readings.mask[i], readings.dt[i], readings.learn[i], state)
        walls.append(time.perf_counter() - started)
    return walls, time.process_time() - began
