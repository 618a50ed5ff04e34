"""What a browser may do with our answers: nothing, unless the answer says otherwise, and no page of another origin."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tidegate.api.app import create_app
from tidegate.api.edge import CONSOLE_POLICY, HEADERS, POLICY


@pytest.mark.parametrize("path", ["/v1/sites", "/v1/nowhere", "/v1/anomalies/none", "/metrics"])
async def test_an_answer_can_be_neither_framed_nor_sniffed_nor_cached(house: Any, path: str) -> None:
    headers = (await house.client.get(path)).headers
    assert headers["content-security-policy"] == POLICY.decode()
    assert {name: headers[name.decode()].encode() for name, _ in HEADERS} == dict(HEADERS)
    assert "access-control-allow-origin" not in headers
    assert "strict-transport-security" not in headers
    assert "server" not in headers


async def test_the_documentation_runs_its_own_script_and_no_other(house: Any) -> None:
    policy = (await house.client.get("/docs")).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2


async def test_the_console_has_a_policy_of_its_own_that_ends_at_this_host(house: Any) -> None:
    for path in ("/console", "/console/anything"):
        assert (await house.client.get(path)).headers["content-security-policy"] == CONSOLE_POLICY.decode()
    assert (await house.client.get("/consoles")).headers["content-security-policy"] == POLICY.decode()
    assert b"http" not in CONSOLE_POLICY
    assert b"*" not in CONSOLE_POLICY


@pytest.mark.parametrize(("given", "kept"), [("trace-7f:2", True), ("a\u00e9", False), ("x" * 65, False), ("two words", False)])
async def test_a_request_id_is_taken_over_when_a_log_can_bear_it(house: Any, given: str, kept: bool) -> None:
    answer = await house.client.get("/healthz", headers={"x-request-id": given.encode()})
    assert (answer.headers["x-request-id"] == given) is kept


async def test_no_origin_is_let_in_unless_it_is_named(house: Any) -> None:
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
    assert "access-control-allow-origin" not in (await house.client.options("/v1/sites", headers=asked)).headers
    assert "access-control-allow-origin" not in (await house.client.get("/v1/sites", headers=asked)).headers


async def test_pages_of_an_origin_that_is_named_may_ask_with_a_credential_and_without_cookies(house: Any) -> None:
    origin = "https://panel.example.org"
    app = create_app(replace(house.app.state.door.ports, cors_origins=[origin]))
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,idempotency-key"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://door") as client:
        preflight = await client.options("/v1/commands", headers=asked | {"origin": origin})
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in preflight.headers
        assert (await client.get("/v1/sites", headers={"origin": origin})).headers["access-control-allow-origin"] == origin
        assert (await client.options("/v1/commands", headers=asked | {"origin": "https://other.example"})).status_code == 400
