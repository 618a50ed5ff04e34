"""Acknowledgements, labels and maintenance windows through the door, decided by a real partition, and asked for again."""

import json
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, noise, reading, tick_of
from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.command import Command
from tidegate.contracts.partitioner import partition_of
from tidegate.core.partition import Batch, Facts, Partition
from tidegate.pipeline.encode import FactEncoder

SITE = "s"
CALM_MINUTES = 300
HOSTILE = ["", "\x00", "x" * 200, "../../etc", "a/b", "' OR 1=1 --", "<script>alert(1)</script>", "\ud7ff\ufdd0"]


class Plant:
    """A partition behind the door's log: takes what is on it when told to, and publishes what it says."""

    def __init__(self, house: Any, core: Partition) -> None:
        self.house = house
        self.core = core
        self.minute = CALM_MINUTES
        self.taken = 0

    async def live(self, *values: float | None, devices: int = 1) -> Facts:
        """A minute for each of `values`, with all commands on the log before the first."""
        facts = None
        for value in values:
            readings = [reading(self.minute, value, device=f"d{number}" if number else "d") for number in range(devices)]
            facts = await self.step(readings)
            self.minute += 1
        assert facts is not None
        return facts

    async def step(self, readings: list[Any] = []) -> Facts:  # noqa: B006 - never changed
        records = await self.house.records(topics.COMMANDS)
        commands = [decode(record.value, Command) for record in records[self.taken :]]
        self.taken = len(records)
        return await self.publish(self.core.step(Batch(tick_of(self.minute), readings, commands)))

    async def publish(self, facts: Facts) -> Facts:
        await self.house.log.append(FactEncoder(partition_of(SITE, self.house.log.partitions)).facts(facts))
        await self.house.follow()
        return facts

    async def ask(self, method: str, path: str, body: Any = None, status: int = 202, **headers: str) -> Any:
        raw = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        typed = {"content-type": "application/json"} if raw is not None else {}
        answer = await self.house.client.request(method, path, content=raw, headers=typed | headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def calm() -> tuple[Partition, Facts]:
    """A partition that has learned what is usual, and what it said meanwhile; each plant goes on with a copy."""
    core = Partition(configuration(score_every_seconds=0.0), {"universal": SmoothForecaster()})
    readings = [reading(minute, value) for minute, value in enumerate(noise(CALM_MINUTES))]
    return core, core.step(Batch(tick_of(CALM_MINUTES), readings, []))


@pytest.fixture
async def plant(house: Any, calm: tuple[Partition, Facts]) -> Plant:
    core, facts = calm
    plant = Plant(house, deepcopy(core))
    await plant.publish(facts)
    return plant


async def alarm(plant: Plant) -> Anomaly:
    (opened,) = (await plant.live(150.0)).anomalies
    return opened


async def test_an_anomaly_is_acknowledged_and_shows_by_whom(plant: Plant) -> None:
    opened = await alarm(plant)
    body = {"issued_by": "anna", "reason": "on my way"}
    receipt = await plant.ask("POST", f"/v1/anomalies/{opened.id}/acknowledge", body)
    assert (await plant.ask("GET", f"/v1/anomalies/{opened.id}", status=200))["acknowledgement"] is None, "not decided yet"
    await plant.step()
    shown = await plant.ask("GET", f"/v1/anomalies/{opened.id}", status=200)
    assert shown["acknowledgement"] == {"by": "anna", "at_ms": tick_of(301), "reason": "on my way", "command": receipt["id"]}
    assert {name: shown[name] for name in json.loads(encode(opened))} == json.loads(encode(opened))
    assert (await plant.ask("GET", receipt["outcome"], status=200))["status"] == "accepted"
    listed = [await plant.ask("GET", f"/v1/anomalies?acknowledged={word}", status=200) for word in ("true", "false")]
    assert [[item["id"] for item in page["items"]] for page in listed] == [[opened.id], []]


async def test_labels_are_one_for_each_person_the_latest(plant: Plant) -> None:
    opened = await alarm(plant)
    for who, label in (("anna", "unsure"), ("ben", "false-alarm"), ("anna", "true-alarm")):
        await plant.ask("POST", f"/v1/anomalies/{opened.id}/labels", {"label": label, "issued_by": who, "note": "looked"})
    await plant.step()
    labels = (await plant.ask("GET", f"/v1/anomalies/{opened.id}", status=200))["labels"]
    assert [(each["by"], each["label"], each["note"]) for each in labels] == [
        ("ben", "false-alarm", "looked"),
        ("anna", "true-alarm", "looked"),
    ]
    found = {
        label: len((await plant.ask("GET", f"/v1/anomalies?label={label}", status=200))["items"])
        for label in ("true-alarm", "unsure", "new-trend")
    }
    assert found == {"true-alarm": 1, "unsure": 0, "new-trend": 0}


async def test_a_repeated_key_acknowledges_once_and_another_word_under_it_is_refused(plant: Plant) -> None:
    opened = await alarm(plant)
    path = f"/v1/anomalies/{opened.id}/acknowledge"
    first = await plant.ask("POST", path, {"issued_by": "anna"}, **{"idempotency-key": "k1"})
    assert await plant.ask("POST", path, {"issued_by": "anna"}, **{"idempotency-key": "k1"}) == first
    await plant.ask("POST", path, {"issued_by": "ben"}, 409, **{"idempotency-key": "k1"})
    assert len(await plant.house.records(topics.COMMANDS)) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        ({"label": "nonsense"}, 422),
        ({}, 422),
        ({"label": "unsure", "note": "x" * 1001}, 422),
        ({"label": "unsure", "issued_by": "x" * 129}, 422),
        (b'{"label":"unsure","note":"' + b"x" * 300_000 + b'"}', 413),
    ],
)
async def test_a_label_that_cannot_be_meant_is_refused(plant: Plant, body: Any, status: int) -> None:
    opened = await alarm(plant)
    problem = await plant.ask("POST", f"/v1/anomalies/{opened.id}/labels", body, status)
    assert problem["code"]
    assert await plant.house.records(topics.COMMANDS) == []


async def test_what_nobody_knows_is_not_acknowledged(plant: Plant) -> None:
    for path in ("anomalies/nobody/acknowledge", "incidents/nobody/acknowledge"):
        assert (await plant.ask("POST", f"/v1/{path}", {}, 404))["code"] == "not-found"
    await plant.ask("POST", "/v1/anomalies/nobody/labels", {"label": "unsure"}, 404)


WINDOW = {
    "id": "w",
    "from_ms": tick_of(300),
    "until_ms": tick_of(320),
    "reason": "bearing",
    "devices": ["d"],
    "issued_by": "anna",
}


async def test_a_window_is_declared_listed_and_cancelled(plant: Plant) -> None:
    await plant.ask("POST", "/v1/sites/s/maintenance", WINDOW)
    assert (await plant.live(150.0)).anomalies == []
    (shown,) = (await plant.ask("GET", "/v1/sites/s/maintenance", status=200))["items"]
    assert (shown["window"]["id"], shown["declared_by"], shown["declared_at_ms"]) == ("w", "anna", tick_of(300))
    assert shown["window"]["devices"] == ["d"]
    now = (await plant.ask("GET", f"/v1/sites/s/maintenance?at_ms={tick_of(310)}", status=200))["items"]
    later = (await plant.ask("GET", f"/v1/sites/s/maintenance?at_ms={tick_of(320)}", status=200))["items"]
    assert (len(now), later) == (1, [])
    await plant.ask("DELETE", "/v1/sites/s/maintenance/w?issued_by=ben&reason=done")
    await plant.step()
    (shown,) = (await plant.ask("GET", "/v1/sites/s/maintenance", status=200))["items"]
    assert (shown["cancelled_by"], shown["cancelled_at_ms"]) == ("ben", tick_of(301))


async def test_cancelling_what_is_not_there_is_refused_by_the_worker(plant: Plant) -> None:
    receipt = await plant.ask("DELETE", "/v1/sites/s/maintenance/nobody")
    await plant.step()
    outcome = await plant.ask("GET", receipt["outcome"], status=200)
    assert outcome["status"] == "refused"
    assert "nobody" in outcome["reason"]


async def test_a_window_over_the_past_takes_back_what_opened_within(plant: Plant) -> None:
    opened = await alarm(plant)
    await plant.ask("POST", "/v1/sites/s/maintenance", WINDOW)
    await plant.step()
    shown = await plant.ask("GET", f"/v1/anomalies/{opened.id}", status=200)
    assert shown["status"] == "retracted"
    assert "bearing" in shown["reasons"][0]["text"]


@pytest.mark.parametrize(
    "change",
    [
        {"until_ms": WINDOW["from_ms"]},
        {"from_ms": -1},
        {"until_ms": 2**60},
        {"until_ms": WINDOW["from_ms"] + 400 * 86_400_000},  # type: ignore[operator]
        {"gateway": "g"},
        {"devices": [" d"]},
        {"devices": ["d"] * 1001},
        {"id": "\x07"},
        {"from_ms": "soon"},
        {"weekly_until_ms": "never"},
        {"reason": "x" * 2000},
    ],
)
async def test_a_window_that_cannot_be_meant_is_refused_at_the_door(plant: Plant, change: dict[str, Any]) -> None:
    problem = await plant.ask("POST", "/v1/sites/s/maintenance", WINDOW | change, 422)
    assert problem["code"] == "input-invalid"
    assert await plant.house.records(topics.COMMANDS) == []


async def test_why_then_says_what_was_true_then_and_what_was_in_force(plant: Plant) -> None:
    opened = await alarm(plant)
    live = await plant.ask("GET", "/v1/devices/s/d/explain", status=404)
    assert live["code"] == "not-found", "nobody answers for the live state here"
    then = await plant.ask("GET", f"/v1/devices/s/d/explain?at_ms={tick_of(300) + 30_000}", status=200)
    explanation = plant.core.detection.explain("s", "d")  # type: ignore[arg-type]
    now = json.loads(encode(explanation))
    assert {name: then[name] for name in now} | {"parts": []} == now | {"parts": []}
    assert [each["share"] for each in then["parts"]] == [each["share"] for each in now["parts"]] == [1.0]
    assert then["parts"][0]["without"] is None, "only the live state knows its tail"
    assert (then["distance_ms"], then["recorded_at_ms"]) == (30_000, tick_of(300))
    assert [each["id"] for each in then["anomalies"]] == [opened.id]
    await plant.live(*noise(10))
    before = await plant.ask("GET", f"/v1/devices/s/d/explain?at_ms={tick_of(299)}", status=200)
    assert (before["alarming"], before["anomalies"], before["windows"]) == (False, [], [])
    assert "times as rare as this one" in before["would_fire"]
    await plant.ask("POST", "/v1/sites/s/maintenance", WINDOW)
    await plant.step()
    again = await plant.ask("GET", f"/v1/devices/s/d/explain?at_ms={tick_of(305)}", status=200)
    assert [each["window"]["id"] for each in again["windows"]] == ["w"]


async def test_why_before_anything_was_recorded_is_a_clear_no(plant: Plant) -> None:
    for path in (f"/v1/devices/s/d/explain?at_ms={tick_of(-1)}", "/v1/devices/s/nobody/explain?at_ms=0"):
        problem = await plant.ask("GET", path, status=404)
        assert "score_every_seconds" in problem["advice"]
    await plant.ask("GET", "/v1/devices/s/d/explain?at_ms=soon", status=422)
    await plant.ask("GET", f"/v1/devices/s/d/explain?at_ms={2**70}", status=422)


async def test_scores_come_in_pages_newest_first_within_their_bounds(plant: Plant) -> None:
    await plant.live(*noise(40))
    path = f"/v1/devices/s/d/scores?since_ms={tick_of(305)}&until_ms={tick_of(335)}&limit=7"
    found: list[int] = []
    cursor = ""
    while cursor is not None:
        page = await plant.ask("GET", path + (f"&cursor={cursor}" if cursor else ""), status=200)
        found += [point["event_time_ms"] for point in page["items"]]
        cursor = page["next_cursor"]
    assert found == [tick_of(minute) for minute in range(334, 304, -1)]
    point = page["items"][0]
    assert set(point["metrics"]["heat"]) == {"observed", "expected", "expected_low", "expected_high"}
    assert (await plant.ask("GET", "/v1/devices/s/nobody/scores", status=200))["items"] == []
    assert (await plant.ask("GET", "/v1/devices/s/d/scores?cursor=WyJhIiwiYiJd", status=422))["code"] == "input-invalid"


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_find_nothing_and_break_nothing(plant: Plant, name: str) -> None:
    told = quote(name, safe="")
    for method, path in (
        ("GET", f"/v1/devices/s/{told}/scores"),
        ("GET", f"/v1/devices/{told}/d/explain?at_ms=0"),
        ("POST", f"/v1/anomalies/{told}/acknowledge"),
        ("GET", f"/v1/sites/{told}/maintenance"),
        ("DELETE", f"/v1/sites/s/maintenance/{told}"),
    ):
        answer = await plant.house.client.request(
            method, path, content=b"{}" if method == "POST" else None, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (200, 202, 404, 405, 422), (method, path, answer.text)


async def test_anomalies_are_found_by_what_they_are(plant: Plant) -> None:
    opened = await alarm(plant)
    for query, count in (
        ("profile=pump", 1),
        ("profile=fan", 0),
        ("gateway=g", 0),
        (f"fault_kind={opened.fault_kind}", 1),
        ("fault_kind=silence", 0),
        (f"since_ms={tick_of(300)}", 1),
        (f"since_ms={tick_of(301)}", 0),
        (f"until_ms={tick_of(300)}", 0),
    ):
        page = await plant.ask("GET", f"/v1/anomalies?{query}", status=200)
        assert len(page["items"]) == count, query
