"""Making, feeding and abandoning aiokafka's producers; what each caller promises on top is its own."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, ProducerClosed
from aiokafka.structs import RecordMetadata

from tidegate.adapters.kafka.connection import KafkaConnection
from tidegate.errors import RecordTooLargeError
from tidegate.ports import Outgoing

BATCH_BYTES: Final = 512 * 1024
"""Bytes of one record batch; a larger record travels alone."""

MAX_RECORD_BYTES: Final = 10 * 1024 * 1024
"""Bytes; `tidegate topics create` lets topics take as much: a request body of 8 MiB and its envelope."""

_CLOSE_SECONDS: Final = 0.5


async def open_producer(
    connection: KafkaConnection, *, identity: AIOKafkaProducer | None = None, **settings: Any
) -> AIOKafkaProducer:
    """A started idempotent producer; with a `transactional_id` it has fenced the one before, and finished what that had begun.

    It goes by the producer id and epoch of `identity`, if given, and counts on where that one stopped; brokers then refuse it
    as they refuse that one, once they have heard of a later epoch. Only one of the two may send records from then on.
    """
    producer = AIOKafkaProducer(
        **connection.client_settings(),
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
        **settings,
    )
    if identity is not None:
        ours, theirs = producer._txn_manager, identity._txn_manager
        ours.set_pid_and_epoch(theirs.producer_id, theirs.producer_epoch)
        ours._sequence_numbers.update(theirs._sequence_numbers)
    try:
        async with asyncio.timeout(connection.request_seconds):
            await producer.start()
    except BaseException:
        await discard(producer)
        raise
    return producer


async def enqueue(
    producer: AIOKafkaProducer, connection: KafkaConnection, records: Sequence[Outgoing]
) -> "list[asyncio.Future[RecordMetadata]]":
    """Hand `records` to the producer in order; each has its own future, and every future must be awaited (`delivered`).

    Raises:
        RecordTooLargeError: one is larger than `MAX_RECORD_BYTES`; none was handed over.
    """
    check_sizes(records)
    futures = []
    try:
        for record in records:
            futures.append(
                await producer.send(
                    connection.topic(record.topic),
                    record.value,
                    record.key,
                    record.partition,
                    headers=list(record.headers),
                )
            )
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return futures


async def delivered(futures: "Sequence[asyncio.Future[RecordMetadata]]") -> list[int]:
    """Offsets of what was enqueued; raises the first failure, after all are settled."""
    settled = await asyncio.gather(*futures, return_exceptions=True)
    offsets = []
    for outcome in settled:
        if isinstance(outcome, BaseException):
            raise outcome
        offsets.append(int(outcome.offset))
    return offsets


def check_sizes(records: Sequence[Outgoing]) -> None:
    """Refuse records that no topic of ours takes.

    Raises:
        RecordTooLargeError: one is larger than `MAX_RECORD_BYTES`.
    """
    for record in records:
        size = len(record.key or b"") + len(record.value or b"")
        if size > MAX_RECORD_BYTES - 1024:
            raise RecordTooLargeError(f"a record of {size} bytes for {record.topic}, expected below {MAX_RECORD_BYTES}")


@contextmanager
def cause_of(producer: AIOKafkaProducer) -> Iterator[None]:
    """Raise what ended `producer` where aiokafka only says that a step of a transaction is out of order.

    Its sender may be refused between any two of our steps. The next step then fails with IllegalOperation, or in a check of
    aiokafka's own state with AssertionError, and neither says that another process is the owner now.
    """
    try:
        yield
    except (IllegalOperation, AssertionError) as error:
        transaction = producer._txn_manager._transaction_waiter if producer._txn_manager is not None else None
        for ended in (transaction, producer._sender.sender_task):
            if ended is not None and ended.done() and not ended.cancelled() and ended.exception() is not None:
                raise ended.exception() from error
        raise


async def discard(producer: AIOKafkaProducer) -> None:
    """Close a producer, also one whose broker is gone and that would wait for it for ever. Never raises.

    aiokafka's `stop` flushes first, without a limit. After the limit its sender is ended by force; what it had not
    delivered is dropped, and the transaction it had open is aborted by its successor or by the cluster's own time limit.
    """
    _hear_failures(producer)
    try:
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await producer.stop()
            return
        await _end_by_force(producer)
    finally:
        _hear_failures(producer)


async def _end_by_force(producer: AIOKafkaProducer) -> None:
    sender = producer._sender.sender_task
    with suppress(Exception):
        while sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait([sender], timeout=0.05)
        _fail_waiting(producer)  # or its flush, and all who wait, would wait for ever
        await producer.client.close()


def _fail_waiting(producer: AIOKafkaProducer) -> None:
    """Fail every batch that is not delivered. One that waits to be sent again has left aiokafka's set of batches under way,
    from which its failure removes it once more: put back first, or asyncio would log a KeyError with a traceback."""
    accumulator = producer._message_accumulator
    accumulator._pending_batches.update(batch for batches in accumulator._batches.values() for batch in batches)
    accumulator.fail_all(ProducerClosed())


def _hear_failures(producer: AIOKafkaProducer) -> None:
    """Look at failures that aiokafka also sets on futures which nobody awaits, or once it does: asyncio would log each with
    a traceback."""
    transactions = producer._txn_manager
    futures = [batch._drain_waiter for batches in producer._message_accumulator._batches.values() for batch in batches]
    if transactions is not None:
        futures += [offsets_taken for _, _, offsets_taken in transactions._pending_txn_offsets]
        futures += filter(None, [transactions._transaction_waiter])
    for future in futures:
        if future.done():
            _hear(future)
        else:
            future.add_done_callback(_hear)


def _hear(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
