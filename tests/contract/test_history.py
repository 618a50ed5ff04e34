"""What history promises, on SQLite and on a real PostgreSQL: all of a stretch or nothing, once however often, the same again
from the topics, pages that join up, and what it forgets."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from histories import fresh_history
from postgres import PASSWORD
from tidegate.adapters.history import Database, Follower, SqlViews, migrate, open_database, prune
from tidegate.adapters.history.tables import DECISION_FACTS, FACTS, OFFSETS
from tidegate.adapters.history.writer import FactWriter
from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.api import examples, examples_detection
from tidegate.contracts import topics
from tidegate.contracts.annotation import AnomalyFilter, AnomalyLabel
from tidegate.contracts.anomaly import AnomalyStatus, IncidentStatus
from tidegate.contracts.codec import encode, pack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.maintenance import MaintenanceWindow, WindowId
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.paging import PageRequest, from_cursor
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.topology import Topology
from tidegate.errors import HistoryUnavailableError, InputError
from tidegate.ports import Outgoing
from tidegate.settings import RetentionSettings

PARTITIONS = 2
DIALECTS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
DAYS = dict.fromkeys(RetentionSettings.model_fields, 10.0)
DAY_MS = 86_400_000


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'history.db'}"
    else:
        yield request.getfixturevalue("postgres").new_database()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = open_database(url, PASSWORD if url.startswith("postgresql") else "")
    await migrate(database)
    try:
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as made:
        yield made


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(PARTITIONS, clock=ManualClock())


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


async def test_a_stretch_that_comes_again_changes_nothing(database: Database, log: MemoryLog) -> None:
    await fill(log)
    await follow(log, database)
    before = await content(database)
    assert all(before[table.name] for table in FACTS if table.name != "replays")
    await FactWriter(database).begin_again()
    await follow(log, database)
    assert await content(database) == before


async def test_a_history_made_anew_equals_the_one_that_was_followed_as_facts_came(database: Database, log: MemoryLog) -> None:
    one = follower(log, database)
    for seed in range(6):
        await fill(log, seed, rounds=20)
        await one.catch_up()
    while await one.catch_up():
        pass
    before = await content(database)
    await FactWriter(database).begin_again(forget=True)
    assert not any((await content(database)).values())
    await follow(log, database)
    assert await content(database) == before


async def test_processes_that_follow_into_one_database_at_once_write_what_one_would(
    url: str, database: Database, log: MemoryLog, tmp_path: Path
) -> None:
    await fill(log)
    async with opened(url) as second, opened(url) as third:
        await asyncio.gather(*(follow(log, each) for each in (database, second, third)))
    (tmp_path / "alone").mkdir()
    alone = fresh_history(tmp_path / "alone")
    await follow(log, alone)
    assert await content(database) == await content(alone)
    await alone.close()


async def test_a_failure_inside_the_transaction_leaves_rows_and_offsets_as_they_were(
    database: Database, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(log, rounds=20)
    one = follower(log, database)
    await one.catch_up()
    before = await content(database)
    await fill(log, seed=2, rounds=20)
    upsert = FactWriter._upsert

    async def fails(self: FactWriter, connection: AsyncConnection, table: Any, *rest: Any, **named: Any) -> None:
        await upsert(self, connection, table, *rest, **named)
        if table is OFFSETS:
            raise HistoryUnavailableError("gone before the commit")

    with monkeypatch.context() as patch:
        patch.setattr(FactWriter, "_upsert", fails)
        with pytest.raises(HistoryUnavailableError):
            await one.catch_up()
        assert await content(database) == before
    while await one.catch_up():
        pass
    after = await content(database)
    await FactWriter(database).begin_again(forget=True)
    await follow(log, database)
    assert await content(database) == after


async def test_a_follower_from_before_a_rebuild_leaves_no_gap(database: Database, log: MemoryLog) -> None:
    await fill(log)
    old = await follow(log, database)
    before = await content(database)
    await FactWriter(database).begin_again(forget=True)
    await log.append([anomaly(99)])
    while await old.catch_up():
        pass
    again = await content(database)
    assert {row[0] for row in again["anomalies"]} == {row[0] for row in before["anomalies"]} | {"a099"}


async def test_a_history_of_a_log_that_is_no_more_begins_again_with_the_new_one(database: Database, log: MemoryLog) -> None:
    await fill(log)
    await follow(log, database)
    new = MemoryLog(PARTITIONS, clock=ManualClock())
    await new.append([anomaly(500)])
    await follow(new, database)
    assert (await SqlViews(database, PARTITIONS).anomaly("a500")) is not None


async def test_a_version_that_comes_late_does_not_replace_a_newer_one(database: Database, log: MemoryLog) -> None:
    await log.append([anomaly(1, 3), anomaly(1, 2), anomaly(2, 1), anomaly(1, 1)])
    await follow(log, database)
    await log.append([anomaly(1, 2)])
    await follow(log, database)
    found = await SqlViews(database, PARTITIONS).anomaly("a001")
    assert found is not None
    assert found.version == 3


HOSTILE = [
    "'; DROP TABLE anomalies; --",
    '" OR 1=1 --',
    "<script>alert(1)</script>",
    "%_\\",
    "a\x00b",
    "\x00",
    "\ud7ff\ue000\U0001f512",
    "né\u0301 \u202e",
    "x" * 128,
    ":name %(name)s $1 ?",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_a_name_holds_is_kept_and_found_again(database: Database, log: MemoryLog, text: str) -> None:
    fact = replace(examples.ANOMALY, id=text, site=text, device=text, gateway=text)
    decision = replace(examples.DECISION_HISTORY.facts[0], plan_id=text, site=text)
    assignment = replace(examples.ASSIGNMENT, site=text, device=text, gateway=text)
    command = Command(text, text, CommandKind.FREEZE, text)
    forecast = replace(examples.FORECAST, site=text, device=text)
    await log.append(
        [
            published(topics.ANOMALIES, fact),
            published(topics.DECISIONS, decision),
            published(topics.ASSIGNMENTS, assignment, key=f"{text}/{text}"),
            published(topics.FORECASTS, forecast, key=f"{text}/{text}"),
            published(topics.COMMANDS, command),
            published(topics.DEADLETTER, replace(examples.DEAD_LETTERS.items[0], site=text, device=text)),
        ]
    )
    assert (await follow(log, database)).skipped == 0
    views = SqlViews(database, PARTITIONS)
    assert await views.anomaly(text) == fact
    assert (await views.anomalies(PageRequest(), AnomalyFilter(site=text, device=text))).items == [fact]
    assert (await views.assignments(PageRequest(), site=text, gateway=text)).items == [assignment]
    assert await views.forecast(text, text) == forecast
    found = await views.decision(text)
    assert found is not None
    assert found.facts == [decision]
    asked = await views.command(text)
    assert asked is not None
    assert asked.issued_by == text


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_pages_neither_repeat_nor_skip_while_new_facts_arrive(database: Database, log: MemoryLog, limit: int) -> None:
    chance = random.Random(limit)
    times = [chance.randrange(20) for _ in range(60)]
    facts = [replace(examples.ANOMALY, id=f"a{number:03}", opened_at_ms=time) for number, time in enumerate(times)]
    await log.append([published(topics.ANOMALIES, fact) for fact in facts])
    one = await follow(log, database)
    views, seen, after, arrived = SqlViews(database, PARTITIONS), [], None, 0
    while True:
        page = await views.anomalies(PageRequest(limit, after))
        seen += [item.id for item in page.items]
        if page.next_cursor is None:
            break
        after = from_cursor(page.next_cursor)
        arrived += 1
        newer = replace(examples.ANOMALY, id=f"new{arrived:03}", opened_at_ms=100 + arrived)
        changed = replace(chance.choice(facts), version=1 + arrived)
        await log.append([published(topics.ANOMALIES, newer), published(topics.ANOMALIES, changed)])
        await one.catch_up()
    expected = [fact.id for fact in sorted(facts, key=lambda fact: (fact.opened_at_ms, fact.id), reverse=True)]
    assert seen == expected


async def test_lists_of_devices_are_in_the_same_order_on_every_database(database: Database, log: MemoryLog) -> None:
    names = ["B", "a", "b", "Z", "ä", "0", "~", "\U0001f512", "a-1", "a1", "a/1"]
    facts = [replace(examples.ASSIGNMENT, device=name) for name in names]
    await log.append([published(topics.ASSIGNMENTS, fact, key=f"s/{fact.device}") for fact in facts])
    await follow(log, database)
    seen: list[str] = []
    after = None
    while True:
        page = await SqlViews(database, PARTITIONS).assignments(PageRequest(3, after))
        seen += [item.device for item in page.items]
        if page.next_cursor is None:
            break
        after = from_cursor(page.next_cursor)
    assert seen == sorted(names)


async def test_a_cursor_of_another_list_is_refused(database: Database) -> None:
    views = SqlViews(database, PARTITIONS)
    with pytest.raises(InputError, match="another list"):
        await views.anomalies(PageRequest(10, ("site", "device")))
    with pytest.raises(InputError, match="another list"):
        await views.assignments(PageRequest(10, (5, "a")))


async def test_revisions_of_a_topology_are_those_that_came_into_force(database: Database, log: MemoryLog) -> None:
    for revision, accepted in ((1, True), (2, False), (3, True)):
        await log.append(topology_command(revision, accepted=accepted))
    await follow(log, database)
    views = SqlViews(database, PARTITIONS)
    page = await views.topologies(PageRequest(), examples.ANOMALY.site)
    assert [(each.revision, each.issued_by) for each in page.items] == [(3, "ada"), (1, "ada")]
    found = await views.topology(examples.ANOMALY.site, 1)
    assert found is not None
    assert found.revision == 1
    assert await views.topology(examples.ANOMALY.site, 2) is None


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


async def test_scores_are_found_by_time_and_come_in_pages_that_join_up(database: Database, log: MemoryLog) -> None:
    await log.append([scores(minute) for minute in (3, 1, 2, 5)])
    await follow(log, database)
    views = SqlViews(database, PARTITIONS)
    whose = {"site": examples.ANOMALY.site, "device": examples.ANOMALY.device}
    found: list[int] = []
    after = None
    while True:
        page = await views.samples(PageRequest(1, after), **whose, since_ms=60_000, until_ms=300_000)
        found += [sample.event_time_ms // 60_000 for sample in page.items]
        if page.next_cursor is None:
            break
        after = from_cursor(page.next_cursor)
    assert found == [3, 2, 1]
    for minute, expected in ((0, None), (1, 1), (4, 3), (9, 5)):
        sample = await views.sample_at(**whose, at_ms=60_000 * minute)
        assert (None if sample is None else sample.event_time_ms // 60_000) == expected
    with pytest.raises(InputError, match="another list"):
        await views.samples(PageRequest(1, ("a", "b")), **whose)


@pytest.mark.parametrize("outcomes_first", [False, True])
async def test_notes_count_in_the_order_of_the_log_once_they_are_accepted(
    database: Database, log: MemoryLog, outcomes_first: bool
) -> None:
    label, acknowledge = CommandKind.LABEL_ANOMALY, CommandKind.ACKNOWLEDGE_ANOMALY
    told = [
        *note(1, label, anomaly_id="a001", label=AnomalyLabel.UNSURE),
        *note(2, label, by="ben", anomaly_id="a001", label=AnomalyLabel.EXPECTED),
        *note(3, label, anomaly_id="a001", label=AnomalyLabel.FALSE_ALARM, reason="test run"),
        *note(4, label, anomaly_id="a001", label=AnomalyLabel.TRUE_ALARM, accepted=False),
        *note(5, acknowledge, anomaly_id="a001"),
        *note(6, acknowledge, by="ben", anomaly_id="a001"),
    ]
    if outcomes_first:
        told.sort(key=lambda each: each.topic != topics.OUTCOMES)
    for each in [anomaly(1), anomaly(2), *told, *told]:
        await log.append([each])
        await follow(log, database)
    views = SqlViews(database, PARTITIONS)
    said = (await views.annotations(["a001", "a002"]))["a001"]
    assert [(each.by, each.label, each.note) for each in said.labels] == [
        ("ben", AnomalyLabel.EXPECTED, ""),
        ("ada", AnomalyLabel.FALSE_ALARM, "test run"),
    ]
    assert said.acknowledgement is not None
    assert said.acknowledgement.by == "ben"
    wanted = {
        AnomalyFilter(label=AnomalyLabel.UNSURE): [],
        AnomalyFilter(label=AnomalyLabel.TRUE_ALARM): [],
        AnomalyFilter(label=AnomalyLabel.FALSE_ALARM): ["a001"],
        AnomalyFilter(acknowledged=True): ["a001"],
        AnomalyFilter(acknowledged=False): ["a002"],
    }
    for each, expected in wanted.items():
        assert [fact.id for fact in (await views.anomalies(PageRequest(), each)).items] == expected


async def test_windows_of_a_site_are_those_declared_last_and_say_who_called_them_off(database: Database, log: MemoryLog) -> None:
    declare, cancel = CommandKind.DECLARE_MAINTENANCE, CommandKind.CANCEL_MAINTENANCE
    first, second = (MaintenanceWindow(WindowId(name), 1, 2) for name in ("first", "second"))
    later = replace(first, until_ms=5)
    await log.append(
        [
            *note(1, declare, window=first),
            *note(2, declare, window=second),
            *note(3, declare, window=later),
            *note(4, declare, window=replace(second, until_ms=9), accepted=False),
            *note(5, cancel, by="ben", window_id=WindowId("second")),
        ]
    )
    await follow(log, database)
    windows = await SqlViews(database, PARTITIONS).maintenance(examples.ANOMALY.site)
    assert [(each.window, each.declared_at_ms, each.cancelled_by) for each in windows] == [
        (later, 5003, None),
        (second, 5002, "ben"),
    ]


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


def log_now(log: MemoryLog) -> int:
    return log._clock.now_ms()
