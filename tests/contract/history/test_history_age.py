"""What history forgets, and when."""

import asyncio
from dataclasses import replace

from history_rig import (
    DAY_MS,
    DAYS,
    PARTITIONS,
    anomaly,
    content,
    follow,
    log_now,
    note,
    published,
    scores,
    topology_command,
)

from tidegate.adapters.history import Database, SqlViews, prune
from tidegate.adapters.history.tables import DECISION_FACTS
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.anomaly import AnomalyStatus, IncidentStatus
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.plan import DecisionStatus


async def test_what_is_over_and_old_goes_and_what_goes_on_stays(database: Database) -> None:
    clock = ManualClock()
    log = MemoryLog(PARTITIONS, clock=clock)
    closed, opened_one = AnomalyStatus.CLOSED, AnomalyStatus.OPENED
    decision = examples.DECISION_HISTORY.facts[0]
    await log.append(
        [
            anomaly(1, status=closed, closed_at_ms=5),
            anomaly(2, status=opened_one, closed_at_ms=None),
            published(topics.INCIDENTS, replace(examples.INCIDENT, id="over", status=IncidentStatus.CLOSED)),
            published(topics.INCIDENTS, replace(examples.INCIDENT, id="on", status=IncidentStatus.OPENED)),
            published(topics.DECISIONS, replace(decision, plan_id="over", status=DecisionStatus.APPLIED)),
            published(topics.DECISIONS, replace(decision, plan_id="on", status=DecisionStatus.PROPOSED)),
            published(topics.COMMANDS, Command("freeze-1", "s", CommandKind.FREEZE)),
            published(topics.DEADLETTER, examples.DEAD_LETTERS.items[0]),
            *topology_command(1),
            *topology_command(2, accepted=False),
            *topology_command(3),
            published(topics.ASSIGNMENTS, examples.ASSIGNMENT),
            scores(1),
            *note(1, CommandKind.ACKNOWLEDGE_ANOMALY, anomaly_id="a002"),
        ]
    )
    await follow(log, database)
    written_ms = clock.now_ms()
    assert not any((await prune(database, DAYS, written_ms + 9 * DAY_MS)).values())
    gone = await prune(database, DAYS, written_ms + 11 * DAY_MS)
    rows = await content(database)
    assert [row[0] for row in rows["anomalies"]] == ["a002"]
    assert [row[0] for row in rows["incidents"]] == ["on"]
    assert [row[0] for row in rows["decisions"]] == ["on"]
    assert [row[0] for row in rows[DECISION_FACTS.name]] == ["on"]
    assert rows["dead_letters"] == []
    assert [row[0] for row in rows["commands"]] == ["set-3"]  # it says who set what is in force
    assert [row[0] for row in rows["topologies"]] == ["set-3"]
    assert len(rows["assignments"]) == 1
    assert (rows["scores"], rows["notes"]) == ([], [])
    assert gone["anomalies"] == 1


async def test_a_note_keeps_its_command_for_as_long_as_it_is_kept(database: Database, log: MemoryLog) -> None:
    await log.append([anomaly(1), *note(1, CommandKind.LABEL_ANOMALY, anomaly_id="a001", label=AnomalyLabel.EXPECTED)])
    await follow(log, database)
    views = SqlViews(database, PARTITIONS)
    await prune(database, DAYS | {"notes_days": 400.0}, log_now(log) + 300 * DAY_MS)
    (given,) = (await views.annotations(["a001"]))["a001"].labels
    assert given.label is AnomalyLabel.EXPECTED
    await prune(database, DAYS | {"notes_days": 400.0}, log_now(log) + 500 * DAY_MS)
    assert await views.annotations(["a001"]) == {}
    assert (await content(database))["commands"] == []


async def test_age_counts_from_the_log_and_not_from_the_time_of_a_replayed_year(database: Database) -> None:
    clock = ManualClock()
    log = MemoryLog(PARTITIONS, clock=clock)
    await log.append([anomaly(1, status=AnomalyStatus.CLOSED, closed_at_ms=1_000_000)])  # of 1970
    await follow(log, database)
    await prune(database, DAYS, clock.now_ms() + DAY_MS)
    assert len((await content(database))["anomalies"]) == 1


async def test_much_that_is_old_goes_in_small_steps_between_which_others_write(database: Database, log: MemoryLog) -> None:
    many = [replace(examples.ANOMALY, id=f"x{number:05}", status=AnomalyStatus.CLOSED, closed_at_ms=5) for number in range(1700)]
    await log.append([published(topics.ANOMALIES, fact) for fact in many])
    one = await follow(log, database)
    pruning = asyncio.create_task(prune(database, DAYS, log_now(log) + 11 * DAY_MS))
    await log.append([anomaly(1, closed_at_ms=None, status=AnomalyStatus.OPENED)])
    await one.catch_up()
    assert (await pruning)["anomalies"] == 1700
    assert [row[0] for row in (await content(database))["anomalies"]] == ["a001"]
