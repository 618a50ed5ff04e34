"""Forgetting, in bounded steps: records replaced by a later one of their key, and records that were trimmed away.

A step touches at most `max_records` records inside the caller's transaction, so that no commit ever waits long behind
it. Readers may see a replaced record until its step came; they never miss the last of a key. A tombstone is the last of
its key and stays.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from tidegate.adapters.embedded.store import Store, Stream

COMPACT_AFTER: Final = 1000
"""Records of one stream to gather before a step is worth its own transaction, that is, one more fsync."""

_NEXT: Final = "SELECT id, key FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
_FORGET_REPLACED: Final = "DELETE FROM record WHERE id = (SELECT id FROM latest WHERE stream = ? AND key = ?)"
_REMEMBER: Final = "INSERT OR REPLACE INTO latest (stream, key, id) VALUES (?, ?, ?)"
_FORGET_BELOW: Final = "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)"


def keep_compact(store: Store, topics: Collection[str], max_records: int) -> bool:
    """Run one step, in a transaction of its own, on the stream of `topics` with most to do; False when none has enough.

    Raises:
        DependencyError: see `translate`; nothing was changed.
    """
    debts = {name: stream.end_offset - stream.compacted_to for name, stream in store.streams().items() if name[0] in topics}
    worst = max(debts, key=debts.__getitem__, default=None)
    if worst is None or debts[worst] < COMPACT_AFTER:
        return False
    store.write([lambda: compact_step(store, *worst, max_records)])
    return True


def compact_step(store: Store, topic: str, partition: int, max_records: int) -> int:
    """Within `store.write`: drop what the next `max_records` records of the stream replace; return how many were looked at.

    Records without a key are kept: nothing can replace them.
    """
    stream = store.stream(topic, partition)
    if stream is None or stream.compacted_to >= stream.end_offset:
        return 0
    first, end = stream.row(stream.compacted_to), stream.row(stream.end_offset)
    rows = store.connection.execute(_NEXT, (first, end, max_records)).fetchall()
    for row, key in rows:
        if key is not None:
            _replace(store.connection, stream, key, row)
    reached = stream.offset(rows[-1][0]) + 1 if len(rows) == max_records else stream.end_offset
    store.change(topic, partition, replace(stream, compacted_to=reached))
    return len(rows)


def _replace(connection: sqlite3.Connection, stream: Stream, key: bytes, row: int) -> None:
    connection.execute(_FORGET_REPLACED, (stream.id, key))
    connection.execute(_REMEMBER, (stream.id, key, row))


def trim_step(store: Store, topic: str, partition: int, before_offset: int, max_records: int) -> int:
    """Within `store.write`: move the stream's start to `before_offset`, remove up to `max_records` below it; return how many.

    The start moves at once, the space comes back step by step; a crash in between leaves the rest to the next trim.
    """
    stream = store.stream(topic, partition)
    if stream is None:
        return 0
    start = min(max(before_offset, stream.start_offset), stream.end_offset)
    store.change(topic, partition, replace(stream, start_offset=start, compacted_to=max(stream.compacted_to, start)))
    removed = store.connection.execute(_FORGET_BELOW, (stream.row(0), stream.row(start), max_records)).rowcount
    if removed < max_records:
        store.connection.execute("DELETE FROM latest WHERE stream = ? AND id < ?", (stream.id, stream.row(start)))
    return removed
