"""Every error, whoever raises it, is a problem document; nothing leaks and nothing is sniffed, cached or cross-read."""

from http import HTTPStatus
from typing import Any

import pytest
from structlog.testing import capture_logs

from tidegate import errors as errors_module
from tidegate.api import errors as api_errors
from tidegate.api.problems import STATUS, problem_of
from tidegate.errors import (
    AllocationError,
    BundleError,
    CommandRefused,
    ConfigurationError,
    DependencyError,
    InputError,
    LogFullError,
    SchemaVersionError,
    StateLostError,
    TidegateError,
)

EXPECTED = {
    ConfigurationError: 500,
    InputError: 422,
    SchemaVersionError: 422,
    CommandRefused: 409,
    DependencyError: 503,
    LogFullError: 507,
    StateLostError: 503,
    BundleError: 500,
    AllocationError: 422,
    api_errors.NotFoundError: 404,
    api_errors.BodyTooLargeError: 413,
    api_errors.BodyTooSlowError: 408,
    api_errors.MediaTypeError: 415,
    api_errors.ForbiddenError: 403,
    api_errors.OverloadedError: 503,
    api_errors.ReplayRefusedError: 409,
}


@pytest.mark.parametrize(("kind", "status"), EXPECTED.items(), ids=lambda value: getattr(value, "__name__", value))
async def test_each_error_has_its_status_code_and_advice(house: Any, kind: type[TidegateError], status: int) -> None:
    house.live.broken = kind("pump 7 is purple", advice="paint it")
    response = await house.client.get("/v1/devices")
    problem = response.json()
    assert response.status_code == problem["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["detail"], problem["advice"], problem["code"]) == ("pump 7 is purple", "paint it", kind.code)
    assert problem["type"].endswith(kind.code)
    assert problem["title"] == HTTPStatus(status).phrase
    assert ("retry-after" in response.headers) == (status == 503)


def test_every_error_of_ours_is_in_the_table_or_has_an_ancestor_there() -> None:
    for module in (errors_module, api_errors):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, TidegateError):
                assert problem_of(kind("x")).status == next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def test_a_long_message_that_quotes_hostile_input_is_cut() -> None:
    assert len(problem_of(InputError("x" * 1_000_000)).detail) <= 500


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/anomalies/", 404),
        ("GET", "/v1/anomalies/none", 404),
        ("GET", "/v1/incidents/none", 404),
        ("GET", "/v1/decisions/none", 404),
        ("GET", "/v1/commands/none", 404),
        ("GET", "/v1/sites/none/topology", 404),
        ("GET", "/v1/devices/none/none", 404),
        ("GET", "/v1/devices/none/none/explain", 404),
        ("GET", "/v1/devices/none/none/forecast", 404),
        ("PUT", "/v1/readings", 405),
        ("BREW", "/v1/readings", 405),
        ("GET", "/v1/devices?limit=0", 422),
        ("GET", "/v1/devices?limit=1001", 422),
        ("GET", "/v1/devices?limit=many", 422),
        ("GET", "/v1/devices?state=fine", 422),
        ("GET", "/v1/devices?site=" + "x" * 200, 422),
        ("GET", "/v1/deadletters?reason=whim", 422),
        ("POST", "/v1/commands", 415),
        ("POST", "/v1/decisions/none/approve", 415),
    ],
)
async def test_the_frameworks_errors_are_problem_documents_too(house: Any, method: str, path: str, status: int) -> None:
    response = await house.client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] and problem["title"] and problem["detail"]


async def test_a_bug_of_ours_is_a_500_that_tells_the_client_nothing_of_it(house: Any) -> None:
    house.live.broken = RuntimeError("secret path /etc/shadow")
    with capture_logs() as logged:
        response = await house.client.get("/v1/devices")
    assert [(entry["event"], entry["route"]) for entry in logged] == [("request_failed", "/v1/devices")]
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "internal-error"
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert house.metrics.requests == [("/v1/devices", "GET", 500)]


@pytest.mark.parametrize("path", ["/v1/devices", "/nowhere", "/healthz", "/docs"])
async def test_every_answer_carries_the_security_headers_and_no_cors(house: Any, path: str) -> None:
    response = await house.client.get(path, headers={"origin": "http://evil.example"})
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in response.headers


async def test_metrics_are_labelled_from_closed_sets_only(house: Any) -> None:
    for method, path in (
        ("GET", "/v1/devices/a/b"),
        ("GET", "/wp-login.php"),
        ("HACK", "/x"),
        ("GET", "/v1/devices/a%2Fb/c/explain"),
    ):
        await house.client.request(method, path)
    assert house.metrics.requests == [
        ("/v1/devices/{site}/{device}", "GET", 404),
        ("unmatched", "GET", 404),
        ("unmatched", "other", 404),
        ("/v1/devices/{site}/{device}/explain", "GET", 404),
    ]


async def test_a_method_that_is_not_allowed_is_answered_with_all_that_are(house: Any) -> None:
    response = await house.client.request("PATCH", "/v1/keys")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    response = await house.client.options("/v1/sites/plant%2F7/topology")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, PUT")
