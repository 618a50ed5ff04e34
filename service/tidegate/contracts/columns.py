"""Packed batches as arrays: decoded strictly, without copying a number or allocating more than the message holds.

Checks the shape of a message (`unpack_batch`) and what each row says of itself (`row_faults`): the rules that decoding
enforces for JSON. Whether a row can be believed is admission's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.codec import check_version, unpack
from tidegate.contracts.ids import MAX_ID_LENGTH, MAX_INTEGER, MetricName, ProfileName, SiteId
from tidegate.contracts.packed import ABSENT, PackedBatch
from tidegate.contracts.reading import MAX_BATCH_READINGS
from tidegate.errors import InputError

Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

_NONE: Final = frozenset[int]()


@dataclass(frozen=True, slots=True)
class Names:
    """A table of names and the place of each row's own in it (`ABSENT`: none).

    Without `pointed` row i has the i-th. Names at `malformed` places break the rules.
    """

    table: Sequence[str]
    place: Int64
    pointed: bool
    malformed: frozenset[int] = _NONE

    def of_rows(self) -> list[str | None]:
        """The name of every row as it was sent, malformed or not; null where it has none or points nowhere."""
        if not self.pointed:
            return list(self.table)
        count = len(self.table)
        return [self.table[place] if 0 <= place < count else None for place in self.place.tolist()]


@dataclass(frozen=True, slots=True)
class Columns:
    """A packed batch as arrays of one element a row; `values` is float32 [rows, metrics], NaN where missing."""

    site: SiteId
    profile: ProfileName
    metrics: Sequence[MetricName]
    device: Names
    event_time_ms: Int64
    values: Float32
    sequence: Int64 | None
    gateway: Names | None
    epoch: Int64 | None

    def __len__(self) -> int:
        return len(self.event_time_ms)


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why one row is no reading; `column` is the field of `PackedBatch` that shows it."""

    row: int
    column: str
    message: str


def unpack_batch(raw: bytes) -> Columns:
    """Decode a packed batch.

    A malformed name in a table is left for `row_faults`: one bad sensor must not cost its site a batch.

    Raises:
        InputError: not MessagePack, a field is missing or of a wrong type, or columns differ in length.
        SchemaVersionError: a version other than `SCHEMA_VERSION`.
    """
    try:
        batch = unpack(raw, PackedBatch)
    except InputError as error:
        return _with_malformed_names(raw, error)
    check_version(batch)
    return _columns(batch, batch.devices, batch.gateways, checked=True)


def row_faults(columns: Columns) -> list[RowFault]:
    """The rows that break a rule which a reading in JSON must keep too: the first fault of each, by row."""
    faults = _name_faults("device", columns.device, least=0)
    faults += _out_of_range("event_time_ms", columns.event_time_ms, least=-MAX_INTEGER)
    faults += _out_of_range("sequence", columns.sequence, least=ABSENT)
    faults += _name_faults("gateway", columns.gateway, least=ABSENT)
    faults += _out_of_range("epoch", columns.epoch, least=ABSENT)
    first: dict[int, RowFault] = {}
    for fault in faults:
        first.setdefault(fault.row, fault)
    return [first[row] for row in sorted(first)]


def _name_faults(field: str, names: Names | None, least: int) -> list[RowFault]:
    if names is None:
        return []
    rows = _outside(names.place, least, len(names.table) - 1) if names.pointed else []
    if names.malformed:
        rows += np.flatnonzero(np.isin(names.place, list(names.malformed))).tolist()
    return [_name_fault(field, names, row) for row in rows]


def _name_fault(field: str, names: Names, row: int) -> RowFault:
    place = int(names.place[row])
    if place in names.malformed:
        return RowFault(row, f"{field}s", f"{field} of row {row} is not text of 1 to {MAX_ID_LENGTH} characters")
    message = f"{field} of row {row} is number {place}, counted from 0, of a table of {len(names.table)}"
    return RowFault(row, f"{field}_index", message)


def _out_of_range(name: str, column: Int64 | None, least: int) -> list[RowFault]:
    if column is None:
        return []
    text = "{} of row {} is {}, expected {} to {}"
    rows = _outside(column, least, MAX_INTEGER)
    return [RowFault(row, name, text.format(name, row, column[row], least, MAX_INTEGER)) for row in rows]


def _outside(column: Int64, least: int, most: int) -> list[int]:
    """Rows where `column` is below `least` or above `most`, found in one comparison: below wraps around to far above."""
    wrong = (column - least).view(np.uint64) > most - least
    return np.flatnonzero(wrong).tolist() if np.count_nonzero(wrong) else []


@dataclass(frozen=True, slots=True)
class _Frame(PackedBatch):
    """`PackedBatch` with its names still encoded."""

    devices: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_BATCH_READINGS)]  # type: ignore[assignment]  # encoded
    gateways: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_BATCH_READINGS)] | None = None  # type: ignore[assignment]


def _with_malformed_names(raw: bytes, whole: InputError) -> Columns:
    try:
        frame = unpack(raw, _Frame)
    except InputError:
        raise whole from whole.__cause__
    check_version(frame)
    gateways = None if frame.gateways is None else list(map(_name, frame.gateways))
    return _columns(frame, list(map(_name, frame.devices)), gateways, checked=False)


def _name(encoded: Any) -> str:
    """The name if it is text at all; empty, which no name may be, if not."""
    try:
        return unpack(bytes(encoded), str)
    except InputError:
        return ""


def _malformed(table: Sequence[str], checked: bool) -> frozenset[int]:
    """Places of names that break the rules; none where the decoder has `checked` them."""
    if checked:
        return _NONE
    return frozenset(place for place, name in enumerate(table) if not 0 < len(name) <= MAX_ID_LENGTH)


def _columns(batch: PackedBatch, devices: Sequence[str], gateways: Sequence[str] | None, *, checked: bool) -> Columns:
    if len(set(batch.metrics)) != len(batch.metrics):
        raise InputError("two of the metrics have one name", advice="give each column a name of its own")
    rows = len(batch.event_time_ms) // 8
    return Columns(
        batch.site,
        batch.profile,
        batch.metrics,
        _names("device", devices, batch.device_index, "<u4", rows, _malformed(devices, checked)),
        _array("event_time_ms", batch.event_time_ms, "<i8", rows),
        _array("values", batch.values, "<f4", rows * len(batch.metrics)).reshape(rows, len(batch.metrics)),
        None if batch.sequence is None else _array("sequence", batch.sequence, "<i8", rows),
        None
        if gateways is None
        else _names("gateway", gateways, batch.gateway_index, "<i4", rows, _malformed(gateways, checked)),
        None if batch.epoch is None else _array("epoch", batch.epoch, "<i8", rows),
    )


def _names(field: str, table: Sequence[str], index: bytes | None, kind: str, rows: int, malformed: frozenset[int]) -> Names:
    if index is not None:
        return Names(table, _array(f"{field}_index", index, kind, rows).astype(np.int64), True, malformed)
    if len(table) != rows:
        advice = f"name one for each row, or add {field}_index to point into a table"
        raise InputError(f"{len(table)} {field}s for {rows} rows", advice=advice)
    return Names(table, np.arange(rows), False, malformed)


def _array(name: str, raw: bytes, kind: str, count: int) -> NDArray[Any]:
    size = int(kind[-1])
    if len(raw) != count * size:
        message = f"{name} has {len(raw)} bytes, expected {count * size}: {count} numbers of {size}"
        raise InputError(message, advice="every column needs as many rows as event_time_ms")
    return np.frombuffer(raw, kind)
