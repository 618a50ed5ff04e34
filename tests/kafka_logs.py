"""Logs on the broker of the tests: each its own prefix and group, so that they never meet."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from tidegate.adapters.kafka import KafkaConnection, KafkaLog, TopicPlan, create_topics
from tidegate.contracts.topics import CLEANUP, Cleanup


def fresh_connection(servers: str, **settings: Any) -> KafkaConnection:
    """A connection under a prefix that nobody had before; `settings` are those of `KafkaConnection`."""
    unique = f"t{uuid4().hex[:10]}"
    return KafkaConnection(servers, group=unique, topic_prefix=f"{unique}.", **settings)


async def open_fresh(connection: KafkaConnection, partitions: int, extra: Iterable[str] = ()) -> KafkaLog:
    """Create the topics of `connection` and some more if they are not there, and open the log."""
    topics = {**CLEANUP, **dict.fromkeys(extra, Cleanup.DELETE)}
    await create_topics(connection, TopicPlan(partitions=partitions, topics=topics))
    return await KafkaLog.open(connection, tuple(topics))
