"""Facts as a log may have them, and what a history made of them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from postgres import PASSWORD
from tidegate.adapters.history import Database, Follower, migrate, open_database
from tidegate.adapters.history.tables import FACTS, OFFSETS
from tidegate.adapters.memory import MemoryLog, NullMetrics
from tidegate.api import examples, examples_detection
from tidegate.contracts import topics
from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.codec import encode, pack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.topology import Topology
from tidegate.ports import Outgoing
from tidegate.settings import RetentionSettings

PARTITIONS = 2
DIALECTS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
DAYS = dict.fromkeys(RetentionSettings.model_fields, 10.0)
DAY_MS = 86_400_000


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url, PASSWORD if url.startswith("postgresql") else "")
    await migrate(database)
    try:
        yield database
    finally:
        await database.close()


def follower(log: MemoryLog, database: Database) -> Follower:
    return Follower(log, database, NullMetrics())


async def follow(log: MemoryLog, database: Database) -> Follower:
    one = follower(log, database)
    while await one.catch_up():
        pass
    return one


async def content(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, in order."""
    async with database.reading() as connection:
        found = {}
        for table in (*FACTS, OFFSETS):
            rows = await connection.execute(select(table).order_by(*table.primary_key))
            found[table.name] = [tuple(row) for row in rows]
        return found


def published(topic: str, fact: object, *, partition: int = 0, key: str = "k") -> Outgoing:
    return Outgoing(topic, partition, key.encode(), None if fact is None else encode(fact))


def anomaly(number: int, version: int = 1, **changes: Any) -> Outgoing:
    fact = replace(examples.ANOMALY, id=f"a{number:03}", version=version, opened_at_ms=1000 + number, **changes)
    return published(topics.ANOMALIES, fact, partition=number % PARTITIONS)


def note(number: int, kind: CommandKind, *, accepted: bool = True, by: str = "ada", **fields: Any) -> list[Outgoing]:
    command = Command(f"{kind}-{number}", examples.ANOMALY.site, kind, by, **fields)
    outcome = CommandOutcome(command.id, command.site, kind, by, accepted, "", 5000 + number)
    return [published(topics.COMMANDS, command), published(topics.OUTCOMES, outcome)]


def scores(minute: int) -> Outgoing:
    """The documented sample, at another minute."""
    (group,) = examples_detection.SCORES.groups
    moved = replace(group, devices=replace(group.devices, event_time_ms=[60_000 * minute]))
    batch = replace(examples_detection.SCORES, recorded_at_ms=60_000 * minute + 5, groups=[moved])
    return Outgoing(topics.SCORES, 0, b"s", pack(batch))


def topology_command(revision: int, *, accepted: bool = True) -> list[Outgoing]:
    topology = Topology(examples.ANOMALY.site, revision, [], [])
    command = Command(f"set-{revision}", topology.site, CommandKind.SET_TOPOLOGY, "ada", topology=topology)
    outcome = CommandOutcome(command.id, topology.site, command.kind, "ada", accepted, "", 5000 + revision)
    return [published(topics.COMMANDS, command), published(topics.OUTCOMES, outcome)]


async def fill(log: MemoryLog, seed: int = 1, rounds: int = 120) -> None:
    """Facts of every kind, versions and repeats mixed as a log may have them."""
    chance = random.Random(seed)
    for number in range(rounds):
        subject = chance.randrange(30)
        facts = [
            anomaly(subject, number, status=chance.choice(list(AnomalyStatus))),
            published(topics.INCIDENTS, replace(examples.INCIDENT, id=f"i{subject % 7}", version=number)),
            published(topics.DECISIONS, replace(examples.DECISION_HISTORY.facts[0], plan_id=f"p{subject % 5}", version=number)),
            published(
                topics.ASSIGNMENTS,
                None if chance.random() < 0.2 else replace(examples.ASSIGNMENT, device=f"d{subject}"),
                key=f"{examples.ASSIGNMENT.site}/d{subject}",
            ),
            published(topics.FORECASTS, replace(examples.FORECAST, device=f"d{subject}"), key=f"s/d{subject}"),
            published(topics.DEADLETTER, examples.DEAD_LETTERS.items[0]),
            *topology_command(number, accepted=chance.random() < 0.8),
            scores(subject),
            *note(number, CommandKind.ACKNOWLEDGE_ANOMALY, accepted=chance.random() < 0.8, anomaly_id=f"a{subject:03}"),
        ]
        await log.append([fact for fact in facts if chance.random() < 0.7])
        if chance.random() < 0.3:
            await log.append([anomaly(subject, number)])


def log_now(log: MemoryLog) -> int:
    return log._clock.now_ms()
