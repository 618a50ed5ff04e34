"""What a stream client missed, from the log: every fact between two positions, once, in order of time where there is one.

Within a topic's partition the order is the log's. Says so where facts are no longer kept, or more than are replayed.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from tidegate.api.feed import FeedEvent, event_of
from tidegate.api.stream_position import Position
from tidegate.contracts.stream import STREAMED, GapReason, StreamGap
from tidegate.contracts.topics import COMPACTED
from tidegate.ports import Log, Record

MAX_RECORDS: Final = 100
"""Records per read of one partition; as many are held for each until they are sent."""

MAX_BYTES: Final = 64 * 1024
"""Bytes per read of one partition; one larger record still comes, alone."""


async def missed(log: Log, position: Position, until: Position, replay_records: int) -> AsyncIterator[FeedEvent | StreamGap]:
    """Yield what lies between `position` and `until`, moving `position` along; gaps come where they are, before what follows.

    Raises:
        DependencyError: the log cannot be read; `position` says how far it was.
    """
    for gap in (
        await _beyond(log, position, until),
        await _no_longer_kept(log, position, until),
        _too_many(position, until, replay_records),
    ):
        if gap is not None:
            yield gap
    lanes = [_Lane(log, topic, partition, until.at(topic, partition)) for topic, partition in _behind(position, until)]
    heads: list[tuple[int, int]] = []
    for number, lane in enumerate(lanes):
        if await lane.fill(position):
            heads.append((lane.time_ms, number))
    heapify(heads)
    while heads:
        _, number = heappop(heads)
        lane = lanes[number]
        record = lane.take()
        if record.offset > position.at(record.topic, record.partition) and await lane.was_trimmed(position):
            yield StreamGap(GapReason.NO_LONGER_KEPT, record.offset - position.at(record.topic, record.partition))
        position.advance(record.topic, record.partition, record.offset + 1)
        event = event_of(record)
        if event is not None:
            yield event
        if await lane.fill(position):
            heappush(heads, (lane.time_ms, number))
    for topic, partition in _behind(position, until):
        position.advance(topic, partition, until.at(topic, partition))  # places that are no record's: a transaction's marker


class _Lane:
    """One topic's partition up to `end`, a stretch at a time."""

    def __init__(self, log: Log, topic: str, partition: int, end: int) -> None:
        self._log = log
        self._topic = topic
        self._partition = partition
        self._end = end
        self._held: deque[Record] = deque()

    async def fill(self, position: Position) -> bool:
        """Whether there is a record to take; reads on when none is held."""
        offset = position.at(self._topic, self._partition)
        if not self._held and offset < self._end:
            found = await self._log.read(self._topic, self._partition, offset, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
            self._held.extend(record for record in found if record.offset < self._end)
        return bool(self._held)

    @property
    def time_ms(self) -> int:
        """When the log took in the record that is next."""
        return self._held[0].timestamp_ms

    def take(self) -> Record:
        """The record that is next."""
        return self._held.popleft()

    async def was_trimmed(self, position: Position) -> bool:
        """Whether a jump over offsets means that facts went meanwhile, and not that they were never there."""
        if self._topic in COMPACTED:
            return False
        return await self._log.start_offset(self._topic, self._partition) > position.at(self._topic, self._partition)


def _behind(position: Position, until: Position) -> Sequence[tuple[str, int]]:
    places = [(topic, partition) for topic in STREAMED for partition in range(until.partitions)]
    return [place for place in places if position.at(*place) < until.at(*place)]


async def _beyond(log: Log, position: Position, until: Position) -> StreamGap | None:
    """A position beyond the log's end is of another log, which is not there any more. Ahead of us alone is no such case."""
    for topic in STREAMED:
        for partition in range(until.partitions):
            ahead = position.at(topic, partition)
            if ahead > until.at(topic, partition) and ahead > await log.end_offset(topic, partition):
                position.become(until)
                return StreamGap(GapReason.POSITION_UNKNOWN)
    return None


async def _no_longer_kept(log: Log, position: Position, until: Position) -> StreamGap | None:
    """Of a compacted topic the latest of each is kept, whatever else went."""
    gone = 0
    for topic, partition in _behind(position, until):
        if topic not in COMPACTED:
            start = min(await log.start_offset(topic, partition), until.at(topic, partition))
            gone += max(0, start - position.at(topic, partition))
            position.advance(topic, partition, start)
    return StreamGap(GapReason.NO_LONGER_KEPT, gone) if gone else None


def _too_many(position: Position, until: Position, most: int) -> StreamGap | None:
    """The newest `most` at most, the same share of each topic and partition."""
    waiting = {place: until.at(*place) - position.at(*place) for place in _behind(position, until)}
    total = sum(waiting.values())
    if total <= most:
        return None
    left = 0
    for place, count in waiting.items():
        keep = count * most // total
        left += keep
        position.advance(*place, until.at(*place) - keep)
    return StreamGap(GapReason.TOO_MANY, total - left)
