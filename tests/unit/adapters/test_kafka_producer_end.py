"""Abandoning aiokafka's producers: nobody waits for ever, and nothing is logged that is no news."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, ProducerClosed, ProducerFenced

from tidegate.adapters.kafka import KafkaConnection
from tidegate.adapters.kafka.owner import Owner
from tidegate.adapters.kafka.producers import cause_of, discard
from tidegate.errors import OwnerReplacedError
from tidegate.ports import Commit, Outgoing


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


def in_a_transaction() -> AIOKafkaProducer:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9", transactional_id="worker")
    producer._txn_manager.set_pid_and_epoch(1, 0)
    producer._txn_manager.begin_transaction()
    return producer


async def test_a_step_that_is_out_of_order_because_the_producer_was_fenced_says_that_it_was_fenced():
    producer = in_a_transaction()
    producer._txn_manager.fatal_error(ProducerFenced())
    for step in (
        lambda: producer.send_offsets_to_transaction({TopicPartition("readings", 0): 1}, "group"),  # IllegalOperation
        producer.commit_transaction,  # AssertionError
    ):
        with pytest.raises(ProducerFenced), cause_of(producer):
            await step()
    await discard(producer)


async def test_a_step_that_is_out_of_order_by_our_own_mistake_stays_one():
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9", transactional_id="worker")
    with pytest.raises(IllegalOperation), cause_of(producer):
        await producer.send_offsets_to_transaction({TopicPartition("readings", 0): 1}, "group")
    await discard(producer)


async def test_an_owner_whose_producer_was_fenced_between_two_steps_is_replaced_and_no_crash():
    owner = Owner(KafkaConnection("127.0.0.1:9"), 0)
    owner._producer = in_a_transaction()
    owner._producer._txn_manager.fatal_error(ProducerFenced())
    with pytest.raises(OwnerReplacedError):
        await owner.commit(Commit(0, [Outgoing("facts", 0, b"key", b"fact")], {}))
