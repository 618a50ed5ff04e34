"""Trying a model out before it is believed: finite on ordinary input, and a row's result independent of its batch; of a joint
bundle, a device's, with metrics missing for a reading and for ever.

Batch-size invariance is guaranteed bit for bit (design: guarantee 3), and some ONNX operators break it; the probe runs on
the machine and library version that will serve.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.adapters.bundles import MODEL, Finding
from tidegate.core.classifier import Classified, Classifier
from tidegate.core.forecaster import Float32, Float64, Forecaster, ForecastStep, State, row_state, rows_together

ROWS: Final = 64
BATCH_SIZES: Final = (1, 2, 3, ROWS)
"""Rows (of a joint bundle, devices) at once: one (another kernel in many libraries), two, an odd few, and all."""

STEPS: Final = 4
"""Readings per row: enough for every carried state to have been written and read."""


@dataclass(frozen=True, slots=True)
class _Readings:
    values: Float64
    mask: Float32
    elapsed: Float32
    learn: Float32


def check_behaviour(forecaster: Forecaster) -> Iterator[Finding]:
    """Yield a finding when a step gives non-finite numbers on ordinary input or when a row's result depends on its batch."""
    whole = _run(forecaster, ROWS)
    bad = [name for name, rows in _tensors(whole).items() if not np.isfinite(rows).all()]
    if bad:
        yield Finding(MODEL, f"{', '.join(bad)} on ordinary input", "finite numbers", "NaN or infinity")
    for size in BATCH_SIZES[:-1]:
        parts = _tensors(_run(forecaster, size))
        for name, rows in _tensors(whole).items():
            different = sum(one.tobytes() != other.tobytes() for one, other in zip(rows, parts[name], strict=True))
            if different:
                yield Finding(
                    MODEL, f"{name} at batch size {size}", f"bit for bit as at {ROWS}", f"different in {different} rows"
                )


def check_classification(classifier: Classifier) -> Iterator[Finding]:
    """The same of a classifier, and that its probabilities are some: 0 to 1, and 1 together."""
    records = _records(len(classifier.manifest.metrics))
    whole = _classified([classifier.classify(records)])
    bad = [name for name, rows in whole.items() if not np.isfinite(rows).all()]
    if bad:
        yield Finding(MODEL, f"{', '.join(bad)} on ordinary records", "finite numbers", "NaN or infinity")
    shares = whole["probabilities"].astype(np.float64)
    if (shares < 0.0).any() or not np.allclose(shares.sum(axis=1), 1.0, atol=1e-3):
        yield Finding(MODEL, "probabilities", "at least 0, and 1 together", f"{shares.min():g}, and {shares.sum(axis=1).max():g}")
    for size in BATCH_SIZES[:-1]:
        parts = _classified([classifier.classify(records[start : start + size]) for start in range(0, ROWS, size)])
        for name, rows in whole.items():
            different = sum(one.tobytes() != other.tobytes() for one, other in zip(rows, parts[name], strict=True))
            if different:
                yield Finding(
                    MODEL, f"{name} at batch size {size}", f"bit for bit as at {ROWS}", f"different in {different} records"
                )


def _classified(parts: Sequence[Classified]) -> dict[str, np.ndarray]:
    names = ("probabilities", "log_likelihood", "energy")
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def _records(columns: int) -> Float64:
    """Ordinary records of many scales, with values missing here and there."""
    row, column = np.arange(ROWS)[:, None], np.arange(columns)
    values = 10.0 ** ((row + column) % 7 - 2) * (1.0 + np.sin(0.7 * row + 1.3 * column))
    return np.asarray(np.where((row + 3 * column) % 13 == 0, np.nan, values))


def _run(forecaster: Forecaster, batch_size: int) -> ForecastStep:
    """`STEPS` readings of `ROWS` rows or devices, `batch_size` of them at a time; the last step's result, joined."""
    readings = [_readings(number, rows_together(forecaster.manifest)) for number in range(STEPS)]
    results = [_run_rows(forecaster, readings, slice(start, start + batch_size)) for start in range(0, ROWS, batch_size)]
    state = {name: np.concatenate([result.state[name] for result in results]) for name in results[0].state}
    return ForecastStep(np.concatenate([result.quantiles for result in results]), state)


def _run_rows(forecaster: Forecaster, readings: Sequence[_Readings], devices: slice) -> ForecastStep:
    manifest = forecaster.manifest
    together = rows_together(manifest)
    first, stop, _ = devices.indices(ROWS)
    rows, count = slice(first * together, stop * together), (stop - first) * together
    state: State = {tensor.name: np.zeros((count, tensor.width), np.dtype(tensor.dtype)) for tensor in row_state(manifest)}
    for each in readings:
        step = forecaster.step(each.values[rows], each.mask[rows], each.elapsed[rows], each.learn[rows], state)
        state = step.state
    return step


def _readings(number: int, together: int) -> _Readings:
    """Ordinary rows of many scales, some missing, some after a gap, some not learned from; `together` rows are a device.

    Where that is more than one, every fourth device lacks a metric for ever, and each has a reading without any value at times.
    """
    row = np.arange(ROWS * together)
    device, metric = np.divmod(row, together)
    values = 10.0 ** (row % 9 - 3) * (1.0 + np.sin(0.7 * row + number)) - (row % 5)
    missing = (row + number) % 7 == 0
    if together > 1:
        missing |= ((device % 4 == 1) & (metric == device // 4 % together)) | ((device + number) % 13 == 0)
    elapsed = np.where((device + number) % 11 == 0, 5.0, 1.0)
    learn = np.where((device + number) % 3 == 0, 0.25, 1.0)
    return _Readings(values, *(array.astype(np.float32) for array in (~missing, elapsed, learn)))


def _tensors(step: ForecastStep) -> dict[str, np.ndarray]:
    return {"quantiles": step.quantiles, **{f"{name}_next": rows for name, rows in step.state.items()}}
