"""Sends the stream through the proxy, as a producer does who tries for ever; never far ahead of what is committed."""

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chaos.messages import NUMBER, Message
from chaos.watch import JournalWatch, StandstillError
from tidegate.adapters.kafka import KafkaConnection
from tidegate.adapters.kafka.producers import discard
from tidegate.contracts.topics import TELEMETRY
from tidegate.errors import InputError

LEAD_MESSAGES: Final = 20
"""Messages of a partition that may wait for the workers: the stream's moments stay close to the workers' own."""

PACE_SECONDS: Final = 0.04
"""Between two messages: a thousand readings a second, a load that leaves time to catch up."""

PATIENCE_SECONDS: Final = 300.0
"""For one message: longer than any drawn fault with its recovery."""


class Sender:
    """Sends messages one by one. Each is on its topic once, or more often when an answer got lost (`sent_again`).

    `messages` are all that were tried, by number; `last_offset` is the last acknowledged one's, by topic and partition.
    """

    def __init__(self, connection: KafkaConnection, stream: Iterator[Message], watch: JournalWatch) -> None:
        self._connection = connection
        self._stream = stream
        self._watch = watch
        self._producer: AIOKafkaProducer | None = None
        self._moved = asyncio.Condition()
        self._stopping = False
        self.messages: dict[int, Message] = {}
        self.acknowledged: set[int] = set()
        self.last_offset: dict[tuple[str, int], int] = {}
        self.sent = 0
        self.sent_again = 0

    async def run(self) -> None:
        """Send until `stop`.

        Raises:
            InputError: the stream has ended.
            StandstillError: the workers take no input, or the broker none from us.
        """
        for message in self._stream:
            if self._stopping:
                return
            await self._room_for(message.partition)
            self.messages[message.number] = message
            await self._send(message)
            self.acknowledged.add(message.number)
            async with self._moved:
                self.sent += 1
                self._moved.notify_all()
            await asyncio.sleep(PACE_SECONDS)
        raise InputError("the data is at its end and the schedule is not", advice="give more data or fewer faults")

    def stop(self) -> None:
        """Let `run` return after the message at hand."""
        self._stopping = True

    async def until_sent(self, count: int) -> None:
        """Return when `count` messages were sent in all."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.sent >= count)

    async def close(self) -> None:
        """Close the producer."""
        if self._producer is not None:
            await discard(self._producer)

    async def _room_for(self, partition: int) -> None:
        def is_near() -> bool:
            taken = self._watch.positions[partition].get(TELEMETRY, 0)
            return self.last_offset.get((TELEMETRY, partition), 0) - taken < LEAD_MESSAGES

        if not is_near():
            await self._watch.until(is_near, PATIENCE_SECONDS, f"partition {partition} takes its input")

    async def _send(self, message: Message) -> None:
        deadline = monotonic() + PATIENCE_SECONDS
        while monotonic() < deadline:
            try:
                return await self._try(message)
            except (KafkaError, TimeoutError):
                self.sent_again += 1
                await self._drop()
        raise StandstillError(f"message {message.number} could not be sent within {PATIENCE_SECONDS:.0f} s")

    async def _try(self, message: Message) -> None:
        async with asyncio.timeout(20):
            if self._producer is None:
                self._producer = AIOKafkaProducer(
                    bootstrap_servers=self._connection.bootstrap_servers, acks="all", retry_backoff_ms=100
                )
                await self._producer.start()
            headers = [*message.headers, (NUMBER, str(message.number).encode())]
            told = await self._producer.send_and_wait(
                self._connection.topic(message.topic),
                message.value,
                message.site.encode(),
                message.partition,
                headers=headers,
            )
        self.last_offset[message.topic, message.partition] = told.offset

    async def _drop(self) -> None:
        """Give a producer up whose broker is gone: another one asks anew who leads what."""
        producer, self._producer = self._producer, None
        await asyncio.sleep(0.2)
        if producer is not None:
            await discard(producer)
