"""Makes the topics as they must be, and says in words where they are not: partitions, cleanup, retention, replicas, sizes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from tidegate.adapters.kafka.connection import KafkaConnection
from tidegate.adapters.kafka.producers import MAX_RECORD_BYTES
from tidegate.adapters.kafka.refusal import connecting
from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.topics import CLEANUP, INPUTS, JOURNAL, Cleanup
from tidegate.errors import DependencyError


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How the topics shall be. A replay needs inputs and journal back to the last snapshots: both are kept `retention_days`."""

    partitions: int = 4
    replication_factor: int = 1
    min_insync_replicas: int = 1
    retention_days: int = 7
    topics: Mapping[str, Cleanup] = field(default_factory=lambda: CLEANUP)

    def configuration(self, topic: str) -> dict[str, str]:
        """The settings of the plain `topic` that matter to us."""
        wanted = {
            "cleanup.policy": self.topics[topic].value,
            "min.insync.replicas": str(self.min_insync_replicas),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            "message.timestamp.type": "LogAppendTime",
        }
        if self.topics[topic] is Cleanup.DELETE:
            wanted["retention.ms"] = str(self.retention_days * DAY_MS)
        return wanted


async def create_topics(connection: KafkaConnection, plan: TopicPlan) -> list[str]:
    """Create the topics that are missing, and return their names on the cluster; those that are there stay as they are.

    Raises:
        DependencyError: Kafka does not answer, or refuses one (more replicas than brokers, not allowed, ...).
    """
    wanted = [
        NewTopic(connection.topic(topic), plan.partitions, plan.replication_factor, topic_configs=plan.configuration(topic))
        for topic in plan.topics
    ]
    async with _admin(connection) as admin:
        answer = await admin.create_topics(wanted)
        created = []
        for name, code, message in answer.topic_errors:
            error = for_code(code)
            if error is NoError:
                created.append(name)
            elif error is not TopicAlreadyExistsError:
                raise DependencyError(f"cannot create {name}: {message or error.__name__}", advice="correct the kafka settings")
        async with asyncio.timeout(connection.request_seconds):
            await _until_led(admin, [topic.name for topic in wanted])
    return created


async def check_topics(connection: KafkaConnection, plan: TopicPlan) -> list[str]:
    """Everything in which the topics differ from `plan`, a sentence each; empty when nothing does. Changes nothing.

    Raises:
        DependencyError: Kafka does not answer.
    """
    names = {connection.topic(topic): topic for topic in plan.topics}
    async with _admin(connection) as admin:
        described = {each["topic"]: each for each in await admin.describe_topics(list(names))}
        there = [name for name in names if for_code(described[name]["error_code"]) is not UnknownTopicOrPartitionError]
        settings = await _settings(admin, there)
    findings = [f"{name} does not exist" for name in names if name not in there]
    for name in there:
        findings += _partition_findings(name, described[name]["partitions"], plan)
        findings += _setting_findings(name, settings[name], plan.configuration(names[name]), _why(names[name]))
    return findings


def _partition_findings(name: str, partitions: Sequence[Mapping[str, Any]], plan: TopicPlan) -> list[str]:
    findings = []
    if len(partitions) != plan.partitions:
        findings.append(
            f"{name} has {len(partitions)} partitions, expected {plan.partitions}: all topics need the same number, "
            "so that everything about a site meets in one process"
        )
    replicas = min((len(each["replicas"]) for each in partitions), default=0)
    if replicas < plan.replication_factor:
        findings.append(f"{name} has {replicas} replicas, expected {plan.replication_factor}")
    return findings


def _setting_findings(name: str, found: Mapping[str, str], wanted: Mapping[str, str], why: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: {key} is {found.get(key)}, expected {value} ({why[key]})"
        for key, value in wanted.items()
        if not _good_enough(key, found.get(key, ""), value)
    ]


def _good_enough(key: str, found: str, wanted: str) -> bool:
    """More is as good for sizes, replicas and retention; `-1` keeps for ever."""
    if key in {"max.message.bytes", "min.insync.replicas", "retention.ms"}:
        return found == "-1" or (found.lstrip("-").isdigit() and int(found) >= int(wanted))
    return found == wanted


def _why(topic: str) -> dict[str, str]:
    kept = "a replay reads it again" if topic in {*INPUTS, JOURNAL} else "history is read from it"
    compacted = CLEANUP.get(topic) is Cleanup.COMPACT
    return {
        "cleanup.policy": "the last record of each key must stay" if compacted else "old records must go",
        "retention.ms": kept,
        "min.insync.replicas": "with fewer, what was acknowledged can be lost with one broker",
        "max.message.bytes": "smaller topics refuse large batches of readings and large plans",
        "message.timestamp.type": "latency is judged by the broker's clock, not by the producers'",
    }


async def _until_led(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Wait until the brokers have heard of the new topics; what is asked of them before that is refused."""
    while not all(_is_led(each) for each in await admin.describe_topics(list(names))):  # noqa: ASYNC110 only they know
        await asyncio.sleep(0.02)


def _is_led(topic: Mapping[str, Any]) -> bool:
    return bool(topic["partitions"]) and all(each["leader"] >= 0 for each in topic["partitions"])


async def _settings(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, message, _, name, entries in answer.resources:
            if for_code(code) is not NoError:
                raise DependencyError(f"cannot read the settings of {name}: {message or for_code(code).__name__}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


@asynccontextmanager
async def _admin(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    async with connecting(connection, "look after topics"):
        admin = AIOKafkaAdminClient(**connection.client_settings())
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()
