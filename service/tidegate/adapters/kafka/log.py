"""`ports.Log` over Kafka: exactly once for what is committed, by one transactional producer per partition; or at least once.

What is returned as written is on all in-sync replicas. Reads are read-committed and see nothing of an open or aborted
transaction. Who takes a partition over can commit it, and nobody before can any more; who should is the group's affair.
"""

from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from typing import Self

from tidegate.adapters.bell import Bell
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kafka.appender import Appender
from tidegate.adapters.kafka.cluster import EARLIEST, LATEST, Cluster
from tidegate.adapters.kafka.connection import Delivery, KafkaConnection
from tidegate.adapters.kafka.held import Held
from tidegate.adapters.kafka.owner import Owner
from tidegate.adapters.kafka.reader import Reader
from tidegate.adapters.kafka.repeating import RepeatingOwner, noted_positions
from tidegate.adapters.kafka.watcher import Watcher
from tidegate.adapters.tail import last_record
from tidegate.contracts.topics import CLEANUP, JOURNAL
from tidegate.errors import ConfigurationError, DependencyError
from tidegate.ports import Clock, Commit, Outgoing, Record


class KafkaLog:
    """An open log on Kafka; make one with `KafkaLog.open`, use it from one event loop."""

    def __init__(self, connection: KafkaConnection, partitions: int, cluster: Cluster, watching: Cluster, clock: Clock) -> None:
        self._connection = connection
        self._partitions = partitions
        self._cluster = cluster
        self._bell = Bell()
        self._held = Held(clock)
        self._watcher = Watcher(connection, watching, self._held, self._bell.ring)
        self._reader = Reader(connection, cluster, self._watcher.at_end)
        self._appender = Appender(connection)
        owner = RepeatingOwner if connection.delivery is Delivery.AT_LEAST_ONCE else Owner
        self._owners = [owner(connection, index) for index in range(partitions)]
        self._closed = False

    @classmethod
    async def open(
        cls, connection: KafkaConnection, topics: Collection[str] = tuple(CLEANUP), clock: Clock | None = None
    ) -> Self:
        """Connect, and check that `topics` (plain names) exist with the same number of partitions.

        Raises:
            ConfigurationError: a topic is missing or has another number of partitions; names each.
            DependencyError: no broker answers.
        """
        named = [connection.topic(topic) for topic in topics]
        async with AsyncExitStack() as stack:
            cluster = await Cluster.open(connection, named)
            stack.push_async_callback(cluster.close)
            partitions = _equal_partitions(cluster, named)
            watching = await Cluster.open(connection, named)
            stack.pop_all()
        return cls(connection, partitions, cluster, watching, clock or SystemClock())

    @property
    def partitions(self) -> int:
        """The partition count shared by all topics."""
        return self._partitions

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records`, those of one partition next to one another; return their offsets once durable.

        Raises:
            RecordTooLargeError: a record is larger than its topic takes.
            DependencyError: the log is closed, or Kafka does not answer.
        """
        self._check(records)
        offsets = await self._appender.append(records)
        self._bell.ring()
        return offsets

    async def take_over(self, partition: int) -> None:
        """Fence whoever commits `partition`, and settle what it, or we, had under way.

        Raises:
            DependencyError: the log is closed, or Kafka does not answer.
        """
        self._check_partition(partition)
        await self._owners[partition].take_over()

    async def release(self, partition: int) -> None:
        """Close the producer that may commit `partition`."""
        await self._owners[partition].close()

    async def commit(self, commit: Commit) -> None:
        """Write outputs and positions in one transaction; at least once, see `tidegate.adapters.kafka.repeating`.

        Raises:
            OwnerReplacedError: another process took this partition over.
            RecordTooLargeError: an output is larger than its topic takes.
            DependencyError: the log is closed, or Kafka does not answer.
        """
        self._check(commit.outputs)
        self._check_partition(commit.partition)
        await self._owners[commit.partition].commit(commit)
        self._bell.ring()

    async def complete(self, partition: int, outputs: Sequence[Outgoing]) -> None:
        """Write `outputs` if the journal's last record was written at least once, whatever we promise now.

        Raises:
            OwnerReplacedError: another process took this partition over.
            RecordTooLargeError: an output is larger than its topic takes.
            DependencyError: the log is closed, or Kafka does not answer.
        """
        self._check_partition(partition)
        if noted_positions(await last_record(self, JOURNAL, partition)) is not None:
            await self.commit(Commit(partition, outputs))

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        """Committed records from `offset` on; `max_bytes` counts keys and values.

        Raises:
            DependencyError: the log is closed, or Kafka does not answer.
        """
        self._check_partition(partition)
        return await self._reader.read(topic, partition, offset, max_records, max_bytes)

    async def start_offset(self, topic: str, partition: int) -> int:
        """Offset of the oldest record kept (the end offset when none is)."""
        self._check_partition(partition)
        return await self._cluster.offset(self._connection.topic(topic), partition, EARLIEST)

    async def end_offset(self, topic: str, partition: int) -> int:
        """The last stable offset: where the first open transaction starts, or else the end, markers included."""
        self._check_partition(partition)
        return await self._cluster.offset(self._connection.topic(topic), partition, LATEST)

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something was written since this task's last `wait`, by us or by others, or after the timeout.

        Raises:
            DependencyError: the log is closed, or was closed meanwhile.
        """
        self._check_open()
        await self._bell.wait(timeout_seconds)
        self._check_open()

    async def positions(self, partition: int) -> dict[str, int]:
        """The group's committed offsets in `partition`, by input topic, or what the journal says when that is further."""
        self._check_partition(partition)
        committed = await self._cluster.committed()
        prefix = len(self._connection.topic_prefix)
        found = noted_positions(await last_record(self, JOURNAL, partition)) or {}
        for (topic, index), offset in committed.items():
            if index == partition and topic.startswith(self._connection.topic_prefix):
                found[topic[prefix:]] = max(offset, found.get(topic[prefix:], 0))
        return found

    def held_seconds(self, topic: str, partition: int) -> float:
        """For how long somebody's unfinished transaction has kept `topic` from being read beyond where a reader stands."""
        self._check_partition(partition)
        return self._held.seconds(self._connection.topic(topic), partition)

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        """Forget records before `before_offset`. Of compacted topics the broker keeps what it wants: they refuse.

        Raises:
            DependencyError: the log is closed, Kafka does not answer, or the topic is compacted.
        """
        self._check_partition(partition)
        named = self._connection.topic(topic)
        end = await self._cluster.offset(named, partition, LATEST)
        await self._cluster.delete_before(named, partition, min(before_offset, end))

    async def close(self) -> None:
        """Deliver what is under way and close all connections; an open transaction is aborted. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._bell.ring()
        await self._appender.close()
        for owner in self._owners:
            await owner.close()
        await self._watcher.close()
        await self._cluster.close()

    def _check(self, records: Sequence[Outgoing]) -> None:
        for partition in {record.partition for record in records}:
            self._check_partition(partition)
        self._check_open()

    def _check_partition(self, partition: int) -> None:
        self._check_open()
        if not 0 <= partition < self._partitions:
            raise ConfigurationError(f"partition {partition} does not exist, the log has {self._partitions} (counted from 0)")

    def _check_open(self) -> None:
        if self._closed:
            raise DependencyError("the log is closed", advice="open it again")


def _equal_partitions(cluster: Cluster, topics: Sequence[str]) -> int:
    counts = {topic: cluster.partitions(topic) for topic in topics}
    missing = [topic for topic, count in counts.items() if count == 0]
    if missing:
        raise ConfigurationError(f"topics are missing: {', '.join(missing)}", advice="`tidegate topics create` makes them")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
        raise ConfigurationError(
            f"topics differ in their number of partitions: {listed}",
            advice="a site's records must meet in one partition of each; `tidegate topics check` says more",
        )
    return counts[topics[0]]
