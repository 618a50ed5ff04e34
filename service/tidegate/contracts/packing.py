"""Readings to packed batches and back.

A round trip keeps everything but what float32 cannot hold: a value comes back rounded to 24 bits, one beyond 3.4e38 as
`BEYOND_FLOAT32`, and a metric that was absent as null, which means the same.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.codec import pack
from tidegate.contracts.columns import Columns
from tidegate.contracts.ids import MetricName, ProfileName
from tidegate.contracts.packed import ABSENT, PackedBatch
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.version import SCHEMA_VERSION

BEYOND_FLOAT32: Final = 2.0**128
"""What ±infinity is read as: the first magnitude that float32 cannot hold. Admission refuses it, and JSON can still say it."""

N = TypeVar("N", bound=str)

_SETTERS: Final = [
    getattr(Reading, name).__set__
    for name in ("site", "device", "profile", "event_time_ms", "metrics", "gateway", "epoch", "sequence", "schema_version")
]


def to_packed(batch: ReadingBatch) -> list[bytes]:
    """`batch` as packed messages, one for each profile in it; readings of a device keep their order."""
    by_profile: defaultdict[ProfileName, list[Reading]] = defaultdict(list)
    for reading in batch.readings:
        by_profile[reading.profile].append(reading)
    return [pack(_packed(readings)) for readings in by_profile.values()]


def to_readings(columns: Columns) -> list[Reading]:
    """The rows as readings, in order; rows with a fault come along as they are, for the caller to leave out.

    Fields are set column by column: the constructor of a frozen dataclass takes 1 µs a reading, more than all the rest.
    """
    count = len(columns)
    made = [Reading.__new__(Reading) for _ in range(count)]
    gateways = repeat(None, count) if columns.gateway is None else columns.gateway.of_rows()
    fields = (
        repeat(columns.site, count),
        columns.device.of_rows(),
        repeat(columns.profile, count),
        columns.event_time_ms.tolist(),
        [dict(zip(columns.metrics, row, strict=True)) for row in _values(columns)],
        gateways,
        _present(columns.epoch, count),
        _present(columns.sequence, count),
        repeat(SCHEMA_VERSION, count),
    )
    for set_field, column in zip(_SETTERS, fields, strict=True):
        deque(map(set_field, made, column), maxlen=0)
    return made


def _values(columns: Columns) -> list[list[float | None]]:
    with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
        values = columns.values.astype(np.float64)
    values = np.clip(values, -BEYOND_FLOAT32, BEYOND_FLOAT32)
    missing = np.isnan(values)
    if not missing.any():
        return values.tolist()  # type: ignore[no-any-return]
    mixed: NDArray[Any] = values.astype(object)
    mixed[missing] = None
    return mixed.tolist()  # type: ignore[no-any-return]


def _present(column: NDArray[np.int64] | None, count: int) -> Iterable[int | None]:
    if column is None:
        return repeat(None, count)
    return [None if number == ABSENT else number for number in column.tolist()]


def _packed(readings: Sequence[Reading]) -> PackedBatch:
    metrics: list[MetricName] = list(dict.fromkeys(name for reading in readings for name in reading.metrics))
    devices, device_index = _table([reading.device for reading in readings], "<u4")
    gateways, gateway_index = _table([reading.gateway for reading in readings], "<i4")
    values = np.array([[reading.metrics.get(name) for name in metrics] for reading in readings], dtype=np.float64)
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which is read as `BEYOND_FLOAT32`
        values = values.astype("<f4")
    return PackedBatch(
        site=readings[0].site,
        profile=readings[0].profile,
        metrics=metrics,
        devices=devices,
        event_time_ms=np.array([reading.event_time_ms for reading in readings], "<i8").tobytes(),
        values=values.tobytes(),
        device_index=device_index,
        sequence=_numbers([reading.sequence for reading in readings]),
        gateways=gateways or None,
        gateway_index=gateway_index if gateways else None,
        epoch=_numbers([reading.epoch for reading in readings]),
    )


def _table(names: Sequence[N | None], kind: str) -> tuple[list[N], bytes | None]:
    """The different names, and where each row's is among them; null when row i has the i-th."""
    places = {name: place for place, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    if len(places) == len(names):
        return list(places), None
    index = [ABSENT if name is None else places[name] for name in names]
    return list(places), np.array(index, kind).tobytes()


def _numbers(column: Sequence[int | None]) -> bytes | None:
    if all(number is None for number in column):
        return None
    return np.array([ABSENT if number is None else number for number in column], "<i8").tobytes()
