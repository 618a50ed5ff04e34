"""The log's SQL: plain synchronous steps on one connection, for the worker's thread alone.

`write` groups steps into one transaction; a step's effect on the ends of streams is kept aside until that transaction
is durable, so memory never runs ahead of the disk.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar, cast

import msgspec

from tidegate.adapters.embedded.schema import OFFSET_BITS, connect
from tidegate.adapters.embedded.translate import translated
from tidegate.ports import Outgoing, Record

T = TypeVar("T")
Headers = tuple[tuple[str, bytes], ...]

_INSERT: Final = "INSERT INTO record (id, timestamp_ms, key, value, headers) VALUES (?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT id, timestamp_ms, key, value, headers FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
_decode_headers = msgspec.msgpack.Decoder(Headers).decode
_encode_headers = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic's partition: its row id and its ends. Records below `compacted_to` are the last of their key as of there."""

    id: int
    start_offset: int = 0
    end_offset: int = 0
    compacted_to: int = 0

    def row(self, offset: int) -> int:
        """The record id of `offset`."""
        return self.id << OFFSET_BITS | offset

    def offset(self, row: int) -> int:
        """The offset of record id `row`."""
        return row & ((1 << OFFSET_BITS) - 1)


class Store:
    """An open log file. Use from the thread that made it.

    Raises:
        ConfigurationError, StateLostError, DependencyError: see `schema.connect`.
    """

    def __init__(self, path: Path, partitions: int, max_bytes: int | None) -> None:
        self.path = path
        self.connection = connect(path, partitions, max_bytes)
        with translated(path):
            rows = self.connection.execute("SELECT topic, partition, id, start_offset, end_offset, compacted_to FROM stream")
            self._streams = {(topic, partition): Stream(*rest) for topic, partition, *rest in rows}
        self._changed: dict[tuple[str, int], Stream] = {}

    def close(self) -> None:
        """Checkpoint and close the file."""
        with translated(self.path):
            self.connection.close()

    def write(self, steps: Iterable[Callable[[], T]]) -> list[T]:
        """Run `steps` in one transaction and return their results once it is durable; after an error nothing was written.

        Raises:
            LogFullError, DependencyError: see `translate`.
        """
        with translated(self.path):
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                results = [step() for step in steps]
                self._save_streams()
                self.connection.execute("COMMIT")
            except BaseException:
                self._changed.clear()
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        self._streams.update(self._changed)
        self._changed.clear()
        return results

    def stream(self, topic: str, partition: int) -> Stream | None:
        """The stream as the running transaction sees it; null when nothing was ever written to it."""
        return self._changed.get((topic, partition)) or self._streams.get((topic, partition))

    def streams(self) -> Mapping[tuple[str, int], Stream]:
        """All streams by topic and partition, as committed."""
        return self._streams

    def change(self, topic: str, partition: int, stream: Stream) -> None:
        """Within `write`: the stream's new ends."""
        self._changed[topic, partition] = stream

    def append(self, records: Sequence[Outgoing], timestamp_ms: int) -> list[int]:
        """Within `write`: add `records` at the ends of their streams and return their offsets."""
        ends: dict[tuple[str, int], int] = {}
        rows: list[tuple[int, int, bytes | None, bytes | None, bytes | None]] = []
        offsets: list[int] = []
        bases: dict[tuple[str, int], Stream] = {}
        for record in records:
            name = (record.topic, record.partition)
            if name not in ends:
                bases[name] = self.stream(*name) or self._create(*name)
                ends[name] = bases[name].end_offset
            offset = ends[name]
            headers = _encode_headers(record.headers) if record.headers else None
            rows.append((bases[name].row(offset), timestamp_ms, record.key, record.value, headers))
            offsets.append(offset)
            ends[name] = offset + 1
        self.connection.executemany(_INSERT, rows)
        for name, end in ends.items():
            self.change(*name, replace(bases[name], end_offset=end))
        return offsets

    def set_positions(self, partition: int, positions: Mapping[str, int]) -> None:
        """Within `write`: remember the next offsets to read of `partition`, by topic."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO position (partition, topic, next_offset) VALUES (?, ?, ?)",
            [(partition, topic, offset) for topic, offset in positions.items()],
        )

    def positions(self, partition: int) -> dict[str, int]:
        """The committed next offsets of `partition`, by topic."""
        with translated(self.path):
            rows = self.connection.execute("SELECT topic, next_offset FROM position WHERE partition = ?", (partition,))
            return dict(rows.fetchall())

    def read(self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int) -> list[Record]:
        """Records from `offset` on, at least one if there is one, until either bound is reached."""
        stream = self.stream(topic, partition)
        if stream is None:
            return []
        first, end = stream.row(max(offset, stream.start_offset)), stream.row(stream.end_offset)
        records: list[Record] = []
        size = 0
        with translated(self.path):
            for row, timestamp_ms, key, value, packed in self.connection.execute(_SELECT, (first, end, max(max_records, 1))):
                size += len(key or b"") + len(value or b"")
                if records and size > max_bytes:
                    break
                headers = _decode_headers(packed) if packed else ()
                records.append(Record(topic, partition, stream.offset(row), key, value, headers, timestamp_ms))
        return records

    def used_bytes(self) -> int:
        """Bytes of the file that hold something; freed pages are reused before the file grows."""
        with translated(self.path):
            pragmas = ("page_count", "freelist_count", "page_size")
            total, free, page_bytes = (self.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas)
        return int((total - free) * page_bytes)

    def _create(self, topic: str, partition: int) -> Stream:
        columns = "(topic, partition, start_offset, end_offset, compacted_to) VALUES (?, ?, 0, 0, 0)"
        cursor = self.connection.execute(f"INSERT INTO stream {columns}", (topic, partition))
        return Stream(cast(int, cursor.lastrowid))

    def _save_streams(self) -> None:
        self.connection.executemany(
            "UPDATE stream SET start_offset = ?, end_offset = ?, compacted_to = ? WHERE id = ?",
            [(stream.start_offset, stream.end_offset, stream.compacted_to, stream.id) for stream in self._changed.values()],
        )
