"""The read model: what the output topics said, in pages, and the same again after a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from histories import fresh_history
from tidegate.adapters.history import Follower, SqlViews
from tidegate.adapters.memory import NullMetrics
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.anomaly import AnomalyStatus, Severity
from tidegate.contracts.ids import AnomalyId, DeviceId, SiteId
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.paging import PageRequest
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.plan import DecisionStatus
from tidegate.ports import Outgoing

SITE = examples.ANOMALY.site


def anomaly(number: int, **changes: Any) -> Any:
    return replace(examples.ANOMALY, id=AnomalyId(f"a{number:03}"), opened_at_ms=1000 + number, **changes)


async def get(house: Any, path: str, **params: Any) -> Any:
    response = await house.client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_only_the_latest_version_of_an_anomaly_is_shown(house: Any) -> None:
    for version, status in enumerate(AnomalyStatus, start=1):
        await house.publish(topics.ANOMALIES, SITE, anomaly(1, version=version, status=status))
    page = await get(house, "/v1/anomalies")
    assert [(item["version"], item["status"]) for item in page["items"]] == [(5, "retracted")]
    assert (await get(house, "/v1/anomalies/a001"))["version"] == 5


async def test_what_still_goes_on_is_told_from_what_is_over_however_it_ended(house: Any) -> None:
    for number, status in enumerate(AnomalyStatus):
        ended = 2000 if status is AnomalyStatus.CLOSED else None
        await house.publish(topics.ANOMALIES, SITE, anomaly(number, status=status, closed_at_ms=ended))
    for still, statuses in (("true", ["amended", "updated", "opened"]), ("false", ["retracted", "closed"])):
        page = await get(house, "/v1/anomalies", open=still)
        assert [item["status"] for item in page["items"]] == statuses


async def test_lists_come_newest_first_in_pages_that_join_up(house: Any) -> None:
    for number in range(25):
        await house.publish(topics.ANOMALIES, f"site-{number % 4}", anomaly(number, site=SiteId(f"site-{number % 4}")))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 10}
    while True:
        page = await get(house, "/v1/anomalies", **params)
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [f"a{number:03}" for number in reversed(range(25))]


async def test_filters_narrow_a_list(house: Any) -> None:
    await house.publish(topics.ANOMALIES, SITE, anomaly(1, severity=Severity.LOW))
    await house.publish(topics.ANOMALIES, SITE, anomaly(2, device=DeviceId("other"), status=AnomalyStatus.CLOSED))
    for params, expected in (
        ({"severity": "low"}, ["a001"]),
        ({"device": "other"}, ["a002"]),
        ({"status": "closed"}, ["a002"]),
        ({"site": SITE}, ["a002", "a001"]),
        ({"site": "elsewhere"}, []),
    ):
        assert [item["id"] for item in (await get(house, "/v1/anomalies", **params))["items"]] == expected


async def test_as_of_says_how_far_was_read(house: Any) -> None:
    await house.publish(topics.ANOMALIES, SITE, anomaly(1))
    as_of = (await get(house, "/v1/anomalies"))["as_of"]
    assert as_of["time_ms"] == house.clock.now_ms()
    offsets = as_of["offsets"][topics.ANOMALIES]
    assert offsets[partition_of(SITE, house.log.partitions)] == 1
    assert sum(offsets) == 1


async def test_a_plans_facts_fold_into_where_it_stands(house: Any) -> None:
    proposed = examples.DECISION_HISTORY.facts[0]
    applied = replace(proposed, version=2, status=DecisionStatus.APPLIED, plan=None, decided_at_ms=proposed.decided_at_ms + 5)
    await house.publish(topics.DECISIONS, SITE, proposed)
    await house.publish(topics.DECISIONS, SITE, applied)
    [item] = (await get(house, "/v1/decisions", status="applied"))["items"]
    assert item["before"]["unserved_devices"] == 1
    assert item["after"]["unserved_devices"] == 0
    history = await get(house, f"/v1/decisions/{proposed.plan_id}")
    assert [fact["status"] for fact in history["facts"]] == ["proposed", "applied"]
    assert history["plan"]["moves"][0]["reason"]


async def test_assignments_are_desired_state_by_gateway_and_a_tombstone_ends_one(house: Any) -> None:
    for device in ("b", "a"):
        await house.publish(
            topics.ASSIGNMENTS, SITE, replace(examples.ASSIGNMENT, device=DeviceId(device)), key=f"{SITE}/{device}"
        )
    page = await get(house, f"/v1/gateways/{examples.ASSIGNMENT.gateway}/assignments", site=SITE)
    assert [item["device"] for item in page["items"]] == ["a", "b"]
    partition = partition_of(SITE, house.log.partitions)
    await house.log.append([Outgoing(topics.ASSIGNMENTS, partition, f"{SITE}/a".encode(), None)])
    await house.follow()
    assert [item["device"] for item in (await get(house, f"/v1/sites/{SITE}/assignments"))["items"]] == ["b"]


async def test_the_latest_forecast_of_a_device_is_found(house: Any) -> None:
    await house.publish(topics.FORECASTS, SITE, examples.FORECAST, key=f"{SITE}/{examples.FORECAST.device}")
    found = await get(house, f"/v1/devices/{SITE}/{examples.FORECAST.device}/forecast")
    assert found["horizons"] == [1, 3, 12, 36]


async def test_dead_letters_are_listed_by_reason_with_their_bytes_cut(house: Any) -> None:
    letter = replace(examples.DEAD_LETTERS.items[0], original=b"x" * 100_000)
    await house.publish(topics.DEADLETTER, SITE, letter)
    [item] = (await get(house, "/v1/deadletters", reason="unknown-profile"))["items"]
    assert len(item["original"]) < 6000
    assert (await get(house, "/v1/deadletters", reason="too-late"))["items"] == []


async def test_a_command_is_pending_until_its_outcome_is_known(house: Any) -> None:
    response = await house.client.post("/v1/commands", json={"id": "c1", "site": SITE, "kind": "freeze"})
    await house.follow()
    outcome = response.json()["outcome"]
    assert (await get(house, outcome))["status"] == "pending"
    fact = CommandOutcome(examples.COMMAND.id, SITE, examples.COMMAND.kind, "anna", False, "no such gateway", 7)
    await house.publish(topics.OUTCOMES, SITE, replace(fact, command="c1"))
    found = await get(house, outcome)
    assert (found["status"], found["reason"], found["decided_at_ms"]) == ("refused", "no such gateway", 7)


async def test_a_history_made_again_from_the_topics_answers_as_the_one_before(house: Any, tmp_path: Path) -> None:
    for number in range(30):
        site = f"site-{number % 5}"
        await house.publish(topics.ANOMALIES, site, anomaly(number % 20, version=number, site=SiteId(site)))
        await house.publish(topics.DECISIONS, site, replace(examples.DECISION_HISTORY.facts[0], version=number))
    async with rebuilt(house, tmp_path) as again:
        for question in ("anomalies", "decisions", "incidents", "dead_letters", "assignments"):
            before = await getattr(house.views, question)(PageRequest(1000))
            after = await getattr(again, question)(PageRequest(1000))
            assert before.items == after.items
        assert await house.views.as_of() == await again.as_of()


@asynccontextmanager
async def rebuilt(house: Any, folder: Path) -> AsyncIterator[SqlViews]:
    """A second history of the same log."""
    (folder / "again").mkdir()
    database = fresh_history(folder / "again")
    follower = Follower(house.log, database, NullMetrics())
    while await follower.catch_up():
        pass
    yield SqlViews(database, house.log.partitions)
    await database.close()


async def test_a_history_starts_at_the_oldest_record_kept(house: Any, tmp_path: Path) -> None:
    for number in range(10):
        await house.publish(topics.ANOMALIES, SITE, anomaly(number))
    await house.log.trim(topics.ANOMALIES, partition_of(SITE, house.log.partitions), 7)
    async with rebuilt(house, tmp_path) as again:
        kept = (await again.anomalies(PageRequest())).items
    assert [item.id for item in kept] == ["a009", "a008", "a007"]


async def test_a_fact_of_a_newer_release_is_passed_over_and_counted(house: Any) -> None:
    partition = partition_of(SITE, house.log.partitions)
    await house.log.append([Outgoing(topics.ANOMALIES, partition, b"k", b'{"schema_version":9}')])
    await house.publish(topics.ANOMALIES, SITE, anomaly(1))
    assert house.follower.skipped == 1
    assert len((await get(house, "/v1/anomalies"))["items"]) == 1


@pytest.mark.parametrize("path", ["/v1/anomalies", "/v1/decisions", "/v1/deadletters", "/v1/devices", "/v1/sites/s/assignments"])
@pytest.mark.parametrize("cursor", ["!", "AAAA", "W10", "bnVsbA", "WzEsMl0", "x" * 1024])
async def test_a_cursor_that_is_not_ours_is_a_problem(house: Any, path: str, cursor: str) -> None:
    assert (await house.client.get(path, params={"cursor": cursor})).status_code == 422


async def test_a_cursor_of_another_list_is_a_problem(house: Any) -> None:
    for number in range(3):
        await house.publish(topics.ANOMALIES, SITE, anomaly(number))
        await house.publish(
            topics.ASSIGNMENTS, SITE, replace(examples.ASSIGNMENT, device=DeviceId(f"d{number}")), key=f"k{number}"
        )
    cursor = (await get(house, "/v1/anomalies", limit=1))["next_cursor"]
    other = (await get(house, f"/v1/sites/{SITE}/assignments", limit=1))["next_cursor"]
    assert (await house.client.get(f"/v1/sites/{SITE}/assignments", params={"cursor": cursor})).status_code == 422
    assert (await house.client.get("/v1/anomalies", params={"cursor": other})).status_code == 422
    assert (await house.client.get("/v1/devices", params={"cursor": cursor})).status_code == 422
