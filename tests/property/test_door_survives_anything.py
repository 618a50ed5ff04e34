"""Whatever is sent, the door answers: never a 5xx, every error a problem document, every success as documented.

Bodies are the documented examples with parts replaced, dropped or nested, so that they get past the first check; paths and
parameters are made from the OpenAPI document itself, so that a new route is covered without being mentioned here.
"""

import asyncio
import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from histories import fresh_history
from support.live_by_hand import LiveByHand
from tidegate.adapters.adviser import InlineAdviser
from tidegate.adapters.history import Follower, SqlViews
from tidegate.adapters.memory import ManualClock, MemoryAudit, MemoryKeys, MemoryLog, NullMetrics
from tidegate.api import examples
from tidegate.api.app import create_app
from tidegate.api.dependencies import ApiDependencies, ApiLimits
from tidegate.api.feed import Feed
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.ports import Outgoing

SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BODIES = [("/v1/readings", body) for body in examples.READING_BODIES.values()]
BODIES += [("/v1/commands", body) for body in examples.COMMAND_BODIES.values()]
BODIES += [("/v1/acks", body) for body in examples.ACK_BODIES.values()]
BODIES += [(f"/v1/decisions/{quote(examples.DECISION.plan_id)}/approve", {"digest": "d", "issued_by": "anna"})]

ELSEWHERE = ("/v1/stream", "/v1/configuration", "/v1/bundles", "/profiles")
"""Endless, or answered by workers: a fuzzer asks them of a whole service (`tests/e2e/test_schemathesis.py`)."""

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 2**63, -(2**63) - 1, 10**40, 1e300, -0.0, "", " x", "1", "NaN", "\x00", "a/b", "ü" * 200, "\ud800"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
JSON = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3), max_leaves=8
)


def live() -> LiveByHand:
    """A live state that knows one device; enough to answer every question with something."""
    site, device = examples.DEVICE.site, examples.DEVICE.device
    return LiveByHand(
        devices=[examples.DEVICE],
        explanations={(site, device): examples.EXPLANATION},
        gateway_views=[examples.GATEWAY],
        acks=[examples.ACK],
        topologies={site: examples.TOPOLOGY},
        site_views=[examples.SITE],
    )


class _NoMetrics:
    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        pass

    def render(self) -> bytes:
        return b""


class Door:
    """One application for all examples of a test, asked synchronously."""

    def __init__(self) -> None:
        log, clock = MemoryLog(2, clock=ManualClock()), ManualClock()
        history = fresh_history(Path(tempfile.mkdtemp(prefix="tidegate-door-")))
        feed, follower, views = Feed(log), Follower(log, history, NullMetrics()), SqlViews(history, log.partitions)
        limits = ApiLimits(max_pending_records=10**9)
        self._runner = asyncio.Runner()
        answering = {"keys": MemoryKeys(), "audit": MemoryAudit(), "adviser": InlineAdviser()}
        self._app = create_app(ApiDependencies(log, views, live(), _NoMetrics(), clock, feed, limits, **answering))
        facts = [(topics.ANOMALIES, examples.ANOMALY), (topics.DECISIONS, examples.DECISION_HISTORY.facts[0])]
        self._runner.run(log.append([Outgoing(topic, 0, b"k", encode(fact)) for topic, fact in facts]))
        self._runner.run(follower.catch_up())
        self._history = history
        self.document = self.ask("GET", "/openapi.json").json()

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                return await client.request(method, path, **request)

        return self._runner.run(send())

    def close(self) -> None:
        self._runner.run(self._history.close())
        self._runner.close()


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    opened = Door()
    yield opened
    opened.close()


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code
        assert response.json()["detail"]


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in items for found in paths_in(part, (*path, key)))]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any]:
    """A route and its documented body, with up to three parts replaced, dropped or added."""
    route, body = draw(st.sampled_from(BODIES))
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_in(body)))
        if not path:
            body = draw(JSON) if draw(st.booleans()) else body
            continue
        parent = body
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[path[-1]] = draw(JSON)
        elif isinstance(parent, dict):
            del parent[path[-1]]
            parent[draw(st.text(max_size=8))] = draw(JSON)
    return route, body


@SETTINGS
@given(damaged())
def test_a_damaged_body_is_taken_or_refused_but_never_breaks_the_door(door: Door, case: tuple[str, Any]) -> None:
    route, body = case
    check(door.ask("POST", route, content=json.dumps(body).encode(), headers={"content-type": "application/json"}))


@SETTINGS
@given(st.sampled_from(["/v1/readings", "/v1/commands"]), st.binary(max_size=200))
def test_bytes_that_mean_nothing_are_refused(door: Door, route: str, body: bytes) -> None:
    response = door.ask("POST", route, content=body, headers={"content-type": "application/json"})
    check(response)
    assert response.status_code == 422


@SETTINGS
@given(data=st.data())
def test_any_identifier_and_parameter_gets_an_answer_as_documented(door: Door, data: st.DataObject) -> None:
    operations = door.document["paths"].items()
    gets = sorted(path for path, known in operations if "get" in known and not path.endswith(ELSEWHERE))
    template = data.draw(st.sampled_from(gets))
    operation = door.document["paths"][template]["get"]
    path, params = template, {}
    for parameter in operation.get("parameters", []):
        text = data.draw(
            st.sampled_from([examples.DEVICE.site, examples.DEVICE.device, examples.ANOMALY.id, "1"]) | st.text(max_size=12)
        )
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(text.encode("utf-8", "surrogatepass"), safe="") or "x")
        elif data.draw(st.booleans()):
            params[parameter["name"]] = text.encode("utf-8", "replace").decode()
    response = door.ask("GET", path, params=params)
    check(response)
    if response.status_code == 200 and "json" in response.headers["content-type"]:
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": door.document["components"]}).validate(response.json())
