"""What the client makes of each kind of answer, and of none: a value, one of our errors, or another try."""

from typing import Any

import httpx
import pytest

from tidegate.api import examples, examples_detection
from tidegate.client import ForeignAnswerError, RequestRefusedError, ServiceFailedError, TidegateClient, UnreachableError
from tidegate.client.retry import LONGEST_PAUSE_SECONDS
from tidegate.contracts.paging import AsOf, Page
from tidegate.contracts.views import CommandStatus
from tidegate.errors import ConfigurationError, DependencyError, InputError
from unit.client.client_rig import HandClock, client, problem, value

BUSY = {"retry-after": "2"}


async def test_an_answer_is_the_contracts_own_value() -> None:
    assert await client(lambda _: value(examples_detection.ANOMALY)).anomalies.get("a") == examples_detection.ANOMALY


async def test_a_busy_service_is_asked_again_when_it_says() -> None:
    clock = HandClock()
    answers = iter([problem(429, **BUSY), problem(503), value(examples.SUMMARY)])
    assert await client(lambda _: next(answers), clock).operation.summary() == examples.SUMMARY
    assert clock.pauses == [2.0, 0.2]


async def test_no_pause_is_longer_than_ours_whatever_the_service_says() -> None:
    clock = HandClock()
    answers = iter([problem(503, **{"retry-after": "3600"}), value(examples.READINGS_RECEIPT)])
    await client(lambda _: next(answers), clock).readings.send(examples.READING)
    assert clock.pauses == [LONGEST_PAUSE_SECONDS]


async def test_patience_ends_with_the_words_of_the_busy_service() -> None:
    clock = HandClock()
    with pytest.raises(ServiceFailedError, match="the worker is behind") as failed:
        await client(lambda _: problem(503), clock).operation.summary()
    assert clock.now <= 30
    assert (failed.value.code, failed.value.status, failed.value.advice) == ("overloaded", 503, "come back")
    assert isinstance(failed.value, DependencyError)


async def test_a_command_is_sent_again_under_the_same_key() -> None:
    keys: list[str] = []
    answers = iter([problem(503), httpx.ConnectError("gone"), value(examples.COMMAND_RECEIPT, 202)])

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        outcome = next(answers)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert await client(answer).plans.approve("plan-1", "digest") == examples.COMMAND_RECEIPT
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_a_refusal_is_final_and_keeps_code_advice_and_fields() -> None:
    clock = HandClock()
    with pytest.raises(RequestRefusedError, match="no such plan") as refused:
        await client(lambda _: problem(404, "not-found", "no such plan"), clock).plans.get("x")
    assert clock.pauses == []
    assert (refused.value.code, refused.value.status, refused.value.errors) == ("not-found", 404, [])
    assert isinstance(refused.value, InputError)


async def test_an_absent_service_is_named_with_what_to_do() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    clock = HandClock()
    with pytest.raises(UnreachableError, match=r"no answer from http://door:1: connection refused .*tidegate serve"):
        await client(refuse, clock).operation.summary()
    assert 0 < clock.now <= 10


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"hello"),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(204),
        httpx.Response(302, headers={"location": "http://elsewhere/"}),
        httpx.Response(404, html="<h1>no</h1>"),
        httpx.Response(500, content=b"", headers={"content-type": "application/problem+json"}),
    ],
)
async def test_an_answer_that_no_tidegate_gives_is_called_foreign(answer: httpx.Response) -> None:
    with pytest.raises(ForeignAnswerError, match=r"http://door:1 does not answer like a Tidegate") as foreign:
        await client(lambda _: answer).operation.summary()
    assert len(str(foreign.value)) < 600


async def test_health_that_is_not_well_is_an_answer() -> None:
    assert await client(lambda _: value(examples.NOT_READY, 503)).operation.readiness() == examples.NOT_READY


@pytest.mark.parametrize(
    ("site", "sent"),
    [
        ("plant 7/a", b"plant%207%2Fa"),
        ("..", b"%2E%2E"),
        (".", b"%2E"),
        ("a?b#c", b"a%3Fb%23c"),
        ("håll", b"h%C3%A5ll"),
        ("%2F", b"%252F"),
    ],
)
async def test_an_identifier_stays_one_segment_of_the_path_whatever_it_holds(site: str, sent: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path == b"/v1/sites/" + sent + b"/topology"
        return value(examples.TOPOLOGY)

    await client(answer).sites.topology(site)


@pytest.mark.parametrize("site", ["", "\ud800"])
async def test_an_identifier_that_cannot_be_in_a_path_is_refused_before_it_is_sent(site: str) -> None:
    with pytest.raises(InputError, match="site"):
        await client(lambda _: value(examples.TOPOLOGY)).sites.topology(site)


async def test_a_list_is_read_page_by_page_and_no_further_than_needed() -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        cursor = int(request.url.params.get("cursor", "0"))
        return value(Page([examples.ANOMALY] * 2, str(cursor + 1) if cursor < 3 else None, AsOf()))

    listing = client(answer).anomalies.list(site="plant-7", is_open=True)
    assert asked == []
    assert len(await listing.all()) == 8
    asked.clear()
    assert len(await listing.first(3)) == 3
    assert asked == [
        {"site": "plant-7", "open": "true", "limit": "3"},
        {"site": "plant-7", "open": "true", "limit": "1", "cursor": "1"},
    ]


async def test_a_service_that_never_ends_its_list_is_not_followed_for_ever() -> None:
    listing = client(lambda _: value(Page([examples.ANOMALY], "again", AsOf()))).anomalies.list()
    with pytest.raises(ForeignAnswerError, match="same page"):
        await listing.all()


async def test_the_outcome_of_a_command_is_waited_for() -> None:
    pending = {"id": "c", "site": "s", "kind": "freeze", "issued_by": "me"}
    answers: Any = iter(
        [problem(404, "not-found"), value(pending | {"status": "pending"}), value(pending | {"status": "accepted"})]
    )
    view = await client(lambda _: next(answers)).commands.wait_for_outcome("c")
    assert view.status is CommandStatus.ACCEPTED


async def test_a_command_that_nobody_decides_is_not_waited_for_for_ever() -> None:
    clock = HandClock()
    with pytest.raises(DependencyError, match="not decided within 5 s"):
        await client(lambda _: problem(404, "not-found"), clock).commands.wait_for_outcome("c", seconds=5)
    assert clock.now <= 5


@pytest.mark.parametrize("url", ["", "here", "ftp://x", "http://", "http://x:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="address is"):
        TidegateClient(url)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel"])
def test_a_credential_that_cannot_be_sent_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ConfigurationError, match="credential") as refused:
        TidegateClient(token=token)
    assert token not in str(refused.value)


async def test_the_credential_comes_from_the_argument_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return value(examples.SUMMARY)

    monkeypatch.delenv("TIDEGATE_TOKEN", raising=False)
    await client(answer).operation.summary()
    monkeypatch.setenv("TIDEGATE_TOKEN", "from-environment")
    await client(answer).operation.summary()
    await client(answer, token="given").operation.summary()
    await client(answer, token="").operation.summary()
    assert seen == [None, "Bearer from-environment", "Bearer given", None]
