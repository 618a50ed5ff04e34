"""At least once: the owner of a partition that writes without transactions, and never says what is not in the journal.

Order of a commit, each step awaited before the next: 1. the journal's record, which fixes the batch for good and carries the
input positions in a header; 2. facts and dead letters; 3. a snapshot; 4. the group's committed positions, at most once a
second, for those who watch from outside. Whoever ends between 1 and 2 leaves a batch whose facts may be missing: the
successor replays it from the journal, which gives the same facts, and writes them (again): `Log.complete`. So a fact may be
there twice, the same to the byte, and is never lost; none is there that the journal does not explain.

There is still one owner. Taking over raises the epoch of the transactional id and shows it to every partition that an owner
writes to, by a transaction that is aborted; from then on those partitions refuse a predecessor, however late it wakes.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition

from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.adapters.kafka.owner import Owner
from tidegate.adapters.kafka.producers import cause_of, check_sizes, delivered, discard, enqueue, open_producer
from tidegate.contracts.topics import CLEANUP, INPUTS, JOURNAL, SNAPSHOTS, TELEMETRY
from tidegate.errors import DependencyError
from tidegate.ports import Commit, Outgoing, Record

POSITIONS_HEADER: Final = "positions"
"""Of a journal record written at least once: the input positions after it, as JSON by plain topic."""

POSITIONS_SECONDS: Final = 1.0
"""Seconds between two commits of the group's positions."""

OUTPUTS: Final = tuple(topic for topic in CLEANUP if topic not in INPUTS)
"""What an owner writes to."""


def noted_positions(record: Record | None) -> dict[str, int] | None:
    """The input positions that the journal's `record` carries; None if it was written exactly once, or is none."""
    header = dict(record.headers).get(POSITIONS_HEADER) if record is not None else None
    return None if header is None else {str(topic): int(offset) for topic, offset in json.loads(header).items()}


class RepeatingOwner(Owner):
    """Commits one partition at least once. Its transactional producer only fences and moves the group's positions."""

    def __init__(self, connection: KafkaConnection, partition: int) -> None:
        super().__init__(connection, partition)
        self._sender: AIOKafkaProducer | None = None
        self._positions_at = float("-inf")

    async def _transact(self, producer: AIOKafkaProducer, commit: Commit) -> None:
        check_sizes(commit.outputs)
        journal = [_noting(record, commit.positions) for record in commit.outputs if record.topic == JOURNAL]
        snapshot = [record for record in commit.outputs if record.topic == SNAPSHOTS]
        for records in (journal, [each for each in commit.outputs if each.topic not in {JOURNAL, SNAPSHOTS}], snapshot):
            await self._send(records)
        now = asyncio.get_running_loop().time()
        if commit.positions and (not journal or snapshot or now - self._positions_at >= POSITIONS_SECONDS):
            await super()._transact(producer, Commit(commit.partition, [], commit.positions))
            self._positions_at = now

    async def _send(self, records: Sequence[Outgoing]) -> None:
        if self._sender is None:
            raise DependencyError(f"partition {self._partition} is not taken over", advice="take it over first")
        if records:
            await delivered(await enqueue(self._sender, self._connection, records))

    async def _start(self) -> AIOKafkaProducer:
        fence = await super()._start()
        try:
            with translated(self._connection, f"take over partition {self._partition}"), cause_of(fence):
                async with asyncio.timeout(self._connection.request_seconds):
                    await self._show(fence)
                self._sender = await open_producer(self._connection, identity=fence)
        except BaseException:
            await self._drop()
            raise
        return fence

    async def _show(self, fence: AIOKafkaProducer) -> None:
        """Let every partition we write to hear of our epoch; what it hears is aborted, so that nobody reads it."""
        await fence.begin_transaction()
        heard = [Outgoing(topic, self._partition, b"fence", None) for topic in OUTPUTS]
        await delivered(await enqueue(fence, self._connection, heard))
        await fence.abort_transaction()
        # An abort is answered before all partitions know of it, and until then they refuse what is outside the transaction.
        # The next transaction begins only afterwards; this one moves nothing.
        await fence.begin_transaction()
        telemetry = TopicPartition(self._connection.topic(TELEMETRY), self._partition)
        await fence.send_offsets_to_transaction({telemetry: 0}, self._connection.group)
        await fence.abort_transaction()

    async def _drop(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            await discard(sender)
        await super()._drop()


def _noting(record: Outgoing, positions: Mapping[str, int]) -> Outgoing:
    return replace(record, headers=(*record.headers, (POSITIONS_HEADER, json.dumps(dict(positions)).encode())))
