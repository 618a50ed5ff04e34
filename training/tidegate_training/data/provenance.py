"""What a manifest says about data: data sets, series, rows, period, and a hash over the values."""

import hashlib
from datetime import UTC, datetime

import numpy as np

from tidegate.contracts.manifest import TrainingData
from tidegate_training.data.series import Series


def describe(series: list[Series]) -> list[TrainingData]:
    """Return one entry per data set, by name; its hash covers names, intervals and values of its series, in order of names."""
    return [
        _describe_one(name, [one for one in series if one.dataset == name]) for name in sorted({one.dataset for one in series})
    ]


def _describe_one(dataset: str, series: list[Series]) -> TrainingData:
    starts = [one.start for one in series if one.start is not None]
    ends = [one.end for one in series if one.end is not None]
    return TrainingData(
        dataset=dataset,
        series=len(series),
        rows=sum(one.rows for one in series),
        sha256=_hash(series),
        start=_iso(min(starts)) if starts else None,
        end=_iso(max(ends)) if ends else None,
    )


def _hash(series: list[Series]) -> str:
    digest = hashlib.sha256()
    for one in sorted(series, key=lambda one: (one.group, one.name)):
        digest.update(f"{one.group}\0{one.name}\0{one.interval_seconds:.6f}\0{len(one.values)}\0".encode())
        digest.update(np.ascontiguousarray(one.values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
