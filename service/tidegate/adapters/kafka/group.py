"""The consumer group: which partitions this process should work, by the word of Kafka's group coordinator.

The partitions of the telemetry stand for those of all topics, so whatever an assignor does, a site's inputs stay together. The
sticky one moves the least: a partition that moves has to be restored.

aiokafka's consumer is used for membership alone. It fetches nothing, for every partition is paused as it is assigned, and
commits nothing, for positions travel in the transactions of the partition's owner. Its callbacks only note what they are
told and return, because the group waits for them.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.adapters.membership import Noticeboard
from tidegate.contracts.topics import TELEMETRY
from tidegate.errors import TidegateError
from tidegate.ports import Share

_log = structlog.get_logger(__name__)

_HEARTBEATS: Final = 10
"""Heartbeats in a session. A member hears of a rebalance with its next heartbeat, so more make hand-overs quicker."""

_JOIN_SECONDS: Final = 5.0
"""Seconds beyond the session for an answer: the coordinator holds a request to join until all have joined or are missed."""

_LOOK_MS: Final = 1000
"""Milliseconds between two looks at what went wrong in the background."""

_AGAIN_SECONDS: Final = 1.0

_CLOSE_SECONDS: Final = 3.0


class KafkaGroup(Noticeboard):
    """`ports.Membership` in the consumer group of `connection`. Joins at once, and again for as long as it is open.

    A member that is not heard of for `session_seconds` is missed, and its partitions are given to others.
    """

    def __init__(self, connection: KafkaConnection, session_seconds: float) -> None:
        super().__init__(Share())
        self._connection = connection
        self._topic = connection.topic(TELEMETRY)
        self._session_seconds = session_seconds
        self._assignor = _assignor()
        self._consumer: AIOKafkaConsumer | None = None
        self._task = asyncio.create_task(self._stay(), name="kafka-group")

    def rejoin(self) -> None:
        """Ask for our place anew; the coordinator confirms it, or shares out anew when it has to."""
        if self._consumer is not None and self._share.settled:
            self.unsettle()
            self._subscribe(self._consumer)

    async def close(self) -> None:
        """Leave the group."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def unsettle(self) -> None:
        """What is ours is being decided anew."""
        self._show(replace(self._share, settled=False))

    def assign(self, assigned: Collection[TopicPartition]) -> None:
        """The group gave us `assigned`."""
        partitions = frozenset(each.partition for each in assigned)
        _log.info("assigned", partitions=sorted(partitions), before=sorted(self._share.partitions))
        self._show(Share(self._share.generation + 1, partitions, settled=True))

    async def _stay(self) -> None:
        while True:
            consumer = self._consumer = self._new_consumer()
            try:
                await self._belong(consumer)
            except Exception as error:  # whatever it was, being outside the group helps nobody
                _log.warning("group_left", reason=str(error), exc_info=not isinstance(error, TidegateError))
                self._show(replace(self._share, settled=False, trouble=str(error)))
            finally:
                self._consumer = None
                self.unsettle()
                await _discard(consumer)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _belong(self, consumer: AIOKafkaConsumer) -> None:
        with translated(self._connection, f"be a member of group {self._connection.group}"):
            await consumer.start()
            self._subscribe(consumer)
            while True:
                await consumer.getmany(timeout_ms=_LOOK_MS)  # raises what went wrong, and says that we are not idle

    def _new_consumer(self) -> AIOKafkaConsumer:
        session_ms = int(self._session_seconds * 1000)
        settings = self._connection.client_settings() | {"request_timeout_ms": session_ms + int(_JOIN_SECONDS * 1000)}
        return AIOKafkaConsumer(
            **settings,
            group_id=self._connection.group,
            enable_auto_commit=False,
            partition_assignment_strategy=[self._assignor],
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // _HEARTBEATS,
            auto_offset_reset="earliest",
        )

    def _subscribe(self, consumer: AIOKafkaConsumer) -> None:
        """Subscribe, or subscribe again, which makes aiokafka rejoin."""
        consumer.subscribe([self._topic], listener=_Listener(self, consumer, self._assignor))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Notes what aiokafka reports of `consumer`."""

    def __init__(self, group: KafkaGroup, consumer: AIOKafkaConsumer, assignor: type[StickyPartitionAssignor]) -> None:
        self._group = group
        self._consumer = consumer
        self._assignor = assignor

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The group shares out anew."""
        self._group.unsettle()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """The group has shared out."""
        self._consumer.pause(*assigned)
        # aiokafka does not tell it, and without it a member that stood still would claim again what others got meanwhile.
        self._assignor.on_generation_assignment(self._consumer._coordinator.generation)
        self._group.assign(assigned)


def _assignor() -> type[StickyPartitionAssignor]:
    """One for each member: aiokafka's remembers what it was assigned in its class, hence for the whole process."""
    return type("Assignor", (StickyPartitionAssignor,), {})


async def _discard(consumer: AIOKafkaConsumer) -> None:
    """Leave and close. Not for longer than `_CLOSE_SECONDS`: aiokafka would wait for a rebalance under way. Never raises."""
    with suppress(Exception):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await consumer.stop()
        return
    with suppress(Exception):
        if consumer._fetcher is not None:
            await consumer._fetcher.close()
        await consumer._client.close()
