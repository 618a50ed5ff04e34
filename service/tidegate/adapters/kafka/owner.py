"""The one committing owner of a partition: a transactional producer and the order of its commit.

Order of a commit: 1. the transaction begins; 2. outputs are sent, and the broker's answer to every one is awaited, for
aiokafka would commit even after one failed; 3. input positions join the transaction; 4. it commits. Any failure ends the
producer: its successor, initialised under the same transactional id, finds out from the cluster how the transaction ended.
"""

import asyncio

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation
from aiokafka.structs import RecordMetadata

from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.adapters.kafka.producers import cause_of, delivered, discard, enqueue, open_producer
from tidegate.errors import DependencyError, OwnerReplacedError
from tidegate.ports import Commit


class Owner:
    """Commits one partition, one commit at a time."""

    def __init__(self, connection: KafkaConnection, partition: int) -> None:
        self._connection = connection
        self._partition = partition
        self._producer: AIOKafkaProducer | None = None
        self._unsettled: DependencyError | None = None
        self._turn = asyncio.Lock()

    async def take_over(self) -> None:
        """Fence whoever commits this partition, and settle what it had under way; from here on it is ours.

        Raises:
            DependencyError: Kafka does not answer.
        """
        async with self._turn:
            await self._drop()
            await self._start()
            self._unsettled = None

    async def commit(self, commit: Commit) -> None:
        """Write outputs and positions in one transaction.

        Raises:
            OwnerReplacedError: another process took the partition over.
            RecordTooLargeError: an output is larger than its topic takes.
            DependencyError: Kafka does not answer, or `take_over` has to be called first: after an error only it can tell
                whether the transaction holds, and a new producer would fence a successor that we have not heard of.
        """
        async with self._turn:
            if self._unsettled is not None:
                raise self._unsettled
            if not commit.outputs and not commit.positions:
                return
            try:
                producer = self._producer or await self._start()
                with translated(self._connection, f"commit partition {self._partition}"), cause_of(producer):
                    async with asyncio.timeout(self._connection.request_seconds):
                        await self._transact(producer, commit)
            except BaseException as error:
                self._unsettled = error if isinstance(error, OwnerReplacedError) else _unsettled(self._partition)
                await self._drop()
                raise

    async def close(self) -> None:
        """Close the producer."""
        async with self._turn:
            await self._drop()

    async def _transact(self, producer: AIOKafkaProducer, commit: Commit) -> None:
        await producer.begin_transaction()
        await delivered(await self._sent(producer, commit))
        if commit.positions:
            offsets = {
                TopicPartition(self._connection.topic(topic), self._partition): offset
                for topic, offset in commit.positions.items()
            }
            await producer.send_offsets_to_transaction(offsets, self._connection.group)
        await producer.commit_transaction()

    async def _sent(self, producer: AIOKafkaProducer, commit: Commit) -> "list[asyncio.Future[RecordMetadata]]":
        try:
            return await enqueue(producer, self._connection, commit.outputs)
        except IllegalOperation:
            # The producer died between two records (fenced, say) and knows no transaction any more; this knows why.
            producer._txn_manager.wait_for_transaction_end().result()
            raise

    async def _start(self) -> AIOKafkaProducer:
        with translated(self._connection, f"take over partition {self._partition}"):
            self._producer = await open_producer(
                self._connection,
                transactional_id=self._connection.transactional_id(self._partition),
                transaction_timeout_ms=int(self._connection.transaction_seconds * 1000),
            )
        return self._producer

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer)


def _unsettled(partition: int) -> DependencyError:
    return DependencyError(
        f"partition {partition}: it is not known whether the last commit holds", advice="take the partition over first"
    )
