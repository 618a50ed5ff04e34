"""`POST /v1/score`: what the door takes and refuses of a posted series."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, noise, tick_of
from tidegate.adapters.profiles import shipped_profiles
from tidegate.api import examples_detection
from tidegate.api.app import create_app
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.series import MOST_METRICS, MOST_READINGS, SeriesRequest
from tidegate.errors import BusyError
from tidegate.pipeline.series import SeriesDesk

SERIES = [{"event_time_ms": tick_of(minute), "metrics": {"heat": value}} for minute, value in enumerate([*noise(100), 150.0])]


class Full:
    """A desk at which all places are taken."""

    async def score(self, request: SeriesRequest) -> bytes:
        raise BusyError("2 series are being scored already")


async def post(house: Any, body: Any, scorer: Any = None) -> httpx.Response:
    desk = SeriesDesk(configuration(), {"universal": SmoothForecaster()})
    app = create_app(replace(house.app.state.door.ports, scorer=scorer or desk))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://door") as client:
        try:
            return await client.post("/v1/score", content=raw, headers={"content-type": "application/json"})
        finally:
            desk.close()


async def test_a_series_is_scored_and_nothing_goes_on_the_log(house: Any) -> None:
    answer = await post(house, {"profile": "pump", "readings": SERIES})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert len(told["readings"]) == len(SERIES)
    assert [fact["status"] for fact in told["anomalies"]] == ["opened"]
    assert told["readings"][-1]["neg_log10_p"] > told["readings"][-1]["threshold"]
    band = told["readings"][-1]["metrics"]["heat"]
    assert band["expected_low"] < band["expected"] < band["expected_high"] < band["observed"] == 150.0
    assert [await house.records(topic) for topic in (topics.TELEMETRY, topics.ANOMALIES, topics.SCORES)] == [[], [], []]


@pytest.mark.parametrize("name", examples_detection.SERIES_BODIES)
async def test_each_documented_example_is_taken_as_it_stands(house: Any, name: str) -> None:
    profiles = {str(each): profile for each, profile in shipped_profiles().items()}
    core = replace(configuration(), profiles=profiles)
    desk = SeriesDesk(core, {"universal": SmoothForecaster()})
    answer = await post(house, examples_detection.SERIES_BODIES[name], desk)
    desk.close()
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"\xff", 422),
        ([], 422),
        ({}, 422),
        ({"profile": "pump", "readings": []}, 422),
        ({"profile": "pump", "readings": [{"event_time_ms": "now", "metrics": {}}]}, 422),
        ({"profile": "pump", "readings": [{"event_time_ms": 2**70, "metrics": {}}]}, 422),
        ({"profile": "nobody", "readings": SERIES}, 422),
        ({"interval_seconds": -1, "metrics": {"a": {}}, "readings": SERIES}, 422),
        ({"interval_seconds": 60.0, "metrics": {f"m{n}": {} for n in range(MOST_METRICS + 1)}, "readings": SERIES}, 422),
        (b'{"profile":"pump","readings":[' + b",".join([b'{"event_time_ms":1,"metrics":{}}'] * (MOST_READINGS + 1)) + b"]}", 422),
        (b'{"profile":"' + b"x" * 300_000 + b'"}', 413),
        (b"[" * 100_000, 422),
    ],
)
async def test_what_cannot_be_scored_is_refused(house: Any, body: Any, status: int) -> None:
    answer = await post(house, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_full_desk_asks_to_come_back(house: Any) -> None:
    answer = await post(house, {"profile": "pump", "readings": SERIES}, Full())
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"]


async def test_numbers_at_the_edge_give_an_answer_that_is_json(house: Any) -> None:
    odd = [1e308, -1e308, 5e-324, 0.0, None, 1e15, 20.0]
    readings = [{"event_time_ms": tick_of(minute), "metrics": {"heat": value}} for minute, value in enumerate(odd * 12)]
    answer = await post(house, encode({"profile": "pump", "readings": readings}))
    assert answer.status_code == 200, answer.text
    json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
