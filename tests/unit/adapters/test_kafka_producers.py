"""Abandoning aiokafka's producers: nobody waits for ever, and nothing is logged that is no news."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerClosed, ProducerFenced

from tidegate.adapters.kafka.producers import discard


async def test_a_batch_that_waits_to_be_sent_again_fails_once_and_without_a_traceback():
    surprises = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: surprises.append(context))
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9")
    producer._sender._sender_task = asyncio.create_task(asyncio.Event().wait())  # a sender whose broker is gone
    accumulator = producer._message_accumulator
    told = await accumulator.add_message(TopicPartition("telemetry", 0), None, b"reading", timeout=1)
    accumulator.reenqueue(accumulator._pop_batch(TopicPartition("telemetry", 0)))
    await discard(producer)
    with pytest.raises(ProducerClosed):
        await told
    await asyncio.sleep(0)  # callbacks have their turn
    assert surprises == []


async def test_a_producer_that_is_refused_while_it_closes_leaves_no_failure_unheard():
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9", transactional_id="worker")
    accumulator, transactions = producer._message_accumulator, producer._txn_manager
    transactions.set_pid_and_epoch(1, 0)
    transactions.begin_transaction()
    await accumulator.add_message(TopicPartition("facts", 0), None, b"fact", timeout=1)
    [waits_to_be_sent] = [batch._drain_waiter for batch in accumulator._batches[TopicPartition("facts", 0)]]
    offsets_taken = asyncio.get_running_loop().create_future()
    transactions._pending_txn_offsets.append(("group", {}, offsets_taken))

    async def refused():
        accumulator.fail_all(ProducerFenced())
        transactions.fatal_error(ProducerFenced())

    producer._sender._sender_task = asyncio.create_task(refused())
    await discard(producer)
    await asyncio.sleep(0)  # callbacks have their turn
    for future in (waits_to_be_sent, offsets_taken, transactions._transaction_waiter):
        assert isinstance(future._exception, ProducerFenced)
        assert not future._log_traceback  # or asyncio complains when it goes
