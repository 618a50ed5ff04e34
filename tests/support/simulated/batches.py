"""Record batches as brokers see them: a header to stamp, and bytes to keep."""

import struct
from dataclasses import dataclass

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")
_CRC_AT, _ATTRIBUTES_AT = 17, 21
_LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x08, 0x10, 0x20
_CONTROL_KEY = struct.Struct(">HH")
_END_MARKER = struct.Struct(">Hi")

COMMIT, ABORT = 1, 0


@dataclass(frozen=True, slots=True)
class Batch:
    """A stored batch; `marker` is COMMIT or ABORT for the end of a transaction, None for records."""

    base: int
    last: int
    producer_id: int
    epoch: int
    sequence: int
    transactional: bool
    marker: int | None
    data: bytes

    def records(self) -> list[tuple[int, bytes | None, bytes | None, int]]:
        """Offset, key, value and timestamp of each record."""
        return [(record.offset, record.key, record.value, record.timestamp) for record in DefaultRecordBatch(self.data)]


def stamped(raw: bytes, base: int, now_ms: int, marker: int | None = None) -> Batch:
    """`raw` as a broker stores it under LogAppendTime: its place and its time are the broker's."""
    fields = list(_HEADER.unpack_from(raw))
    fields[0], fields[8] = base, now_ms
    fields[5] |= _LOG_APPEND_TIME | (_CONTROL if marker is not None else 0)
    data = bytearray(raw)
    _HEADER.pack_into(data, 0, *fields)
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_ATTRIBUTES_AT:])))
    transactional = bool(fields[5] & _TRANSACTIONAL)
    return Batch(base, base + fields[6], fields[9], fields[10], fields[11], transactional, marker, bytes(data))


def marker(producer_id: int, epoch: int, kind: int) -> bytes:
    """The control batch that ends a transaction in one partition."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer_id, epoch, -1, 1 << 20)
    builder.append(0, 0, _CONTROL_KEY.pack(0, kind), _END_MARKER.pack(0, 0), [])
    return bytes(builder.build())


def plain(records: list[tuple[bytes | None, bytes | None]]) -> bytes:
    """A batch of somebody without idempotence."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    for place, (key, value) in enumerate(records):
        builder.append(place, 0, key, value, [])
    return bytes(builder.build())
