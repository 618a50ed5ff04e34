"""The protocol done wrong, in the ways that one might do it wrong: each has to be found out, or the search proves nothing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest.mock import patch

from aiokafka import AIOKafkaProducer, TopicPartition

from tidegate.adapters.kafka import KafkaLog, cluster, reader
from tidegate.adapters.kafka.owner import Owner
from tidegate.errors import DependencyError, OwnerReplacedError
from tidegate.pipeline import worker
from tidegate.pipeline.worker import PartitionWorker
from tidegate.ports import Commit, Log


def outputs_are_not_awaited() -> AbstractContextManager[Any]:
    """The transaction commits although a record of it was refused: aiokafka does not mind."""

    async def transact(self: Owner, producer: AIOKafkaProducer, commit: Commit) -> None:
        await producer.begin_transaction()
        await self._sent(producer, commit)
        offsets = {TopicPartition(self._connection.topic(name), self._partition): end for name, end in commit.positions.items()}
        if offsets:
            await producer.send_offsets_to_transaction(offsets, self._connection.group)
        await producer.commit_transaction()

    return patch.object(Owner, "_transact", transact)


def positions_are_read_before_taking_over() -> AbstractContextManager[Any]:
    """A new owner restores first and initialises its producer with its first commit; its predecessor commits in between."""
    real = KafkaLog.take_over

    async def only_after_failures(self: KafkaLog, partition: int) -> None:
        if self._owners[partition]._unsettled is not None:
            await real(self, partition)

    return patch.object(KafkaLog, "take_over", only_after_failures)


def the_fenced_starts_again() -> AbstractContextManager[Any]:
    """Fenced, it initialises its producer again and repeats the commit, instead of going."""
    real = Owner.commit

    async def commit_again(self: Owner, commit: Commit) -> None:
        try:
            await real(self, commit)
        except OwnerReplacedError:
            await self.take_over()
            await real(self, commit)

    return patch.object(Owner, "commit", commit_again)


def memory_is_trusted_after_a_failed_commit() -> AbstractContextManager[Any]:
    """A commit that failed is taken to hold, for the state in memory includes it."""

    async def until_tried(self: PartitionWorker, commit: Commit, sequence: int) -> None:
        try:
            await self._ports.log.commit(commit)
        except OwnerReplacedError:
            raise
        except DependencyError:
            await self._patiently(lambda: _taken_over(self._ports.log, commit), sequence)

    return patch.object(PartitionWorker, "_until_durable", until_tried)


def the_journal_is_not_asked() -> AbstractContextManager[Any]:
    """A commit without an answer is repeated, although it may hold."""

    async def never(log: Log, commit: Commit, sequence: int) -> bool:
        await log.take_over(commit.partition)
        return False

    return patch.object(worker, "has_gone_through", never)


@contextmanager
def readers_see_what_is_not_committed() -> Iterator[None]:
    """Journal and snapshots are read as they stand, aborted records included."""
    with patch.object(cluster, "READ_COMMITTED", 0), patch.object(reader, "READ_COMMITTED", 0):
        yield


async def _taken_over(log: Log, commit: Commit) -> bool:
    await log.take_over(commit.partition)
    return True


MUTANTS: Final[list[Callable[[], AbstractContextManager[Any]]]] = [
    outputs_are_not_awaited,
    positions_are_read_before_taking_over,
    the_fenced_starts_again,
    memory_is_trusted_after_a_failed_commit,
    the_journal_is_not_asked,
    readers_see_what_is_not_committed,
]
