"""What is read: whatever names hold, pages that join up, scores, notes and windows."""

import random
from dataclasses import replace

import pytest
from history_rig import PARTITIONS, anomaly, follow, note, published, scores, topology_command

from tidegate.adapters.history import Database, SqlViews
from tidegate.adapters.memory import MemoryLog
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.annotation import AnomalyFilter, AnomalyLabel
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.maintenance import MaintenanceWindow, WindowId
from tidegate.contracts.paging import PageRequest, from_cursor
from tidegate.errors import InputError

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
