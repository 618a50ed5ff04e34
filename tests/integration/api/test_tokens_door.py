"""Tokens of a provider at the door: who their owner is, what it may, and what is left on record."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from provider import AUDIENCE, Provider, providing
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.oidc import OidcVerifier, ProviderKeys, TokenRules
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.keys import KeyRing
from tidegate.api.access.tokens import ClaimRules, TokenDesk
from tidegate.contracts import topics

GRANTS = {"line-3": ["operator@plant-7"], "everyone": ["reader@plant-8"]}


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with providing() as provider:
        yield provider


@pytest_asyncio.fixture
async def access(provider: Provider) -> AsyncIterator[Any]:
    clock = SystemClock()
    fetched = ProviderKeys(provider.issuer, "", clock)
    verifier = OidcVerifier(fetched, TokenRules(provider.issuer, AUDIENCE))
    desk = TokenDesk(verifier, ClaimRules("email", "groups", GRANTS), clock)
    yield lambda keys, clock: AccessControl(Authenticator(KeyRing(keys, clock), desk))
    await fetched.close()


def headers(provider: Provider, **claims: Any) -> dict[str, str]:
    said = {"email": "anna@plant.example", "groups": ["line-3", "canteen"]} | claims
    return {"authorization": f"Bearer {provider.token('r1', 'RS256', **said)}"}


async def test_a_user_of_the_provider_acts_under_their_own_name_where_their_groups_let_them(
    house: Any, provider: Provider
) -> None:
    mine = headers(provider)
    who = (await house.client.get("/v1/whoami", headers=mine)).json()
    assert who == {"name": "anna@plant.example", "kind": "token", "grants": ["operator@plant-7"], "access_control": True}
    for site, status in (("plant-7", 202), ("plant-8", 403)):
        answer = await house.client.post("/v1/commands", json={"site": site, "kind": "freeze"}, headers=mine)
        assert answer.status_code == status
    [record] = await house.records(topics.COMMANDS)
    assert json.loads(record.value)["issued_by"] == "anna@plant.example"
    assert [(entry.principal, entry.kind, entry.result) for entry in house.audit.kept] == [
        ("anna@plant.example", "token", "taken"),
        ("anna@plant.example", "token", "refused"),
    ]


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"aud": "other"}, {"iss": "https://elsewhere"}, {"email": None}, {"email": "a\nb"}]
)
async def test_a_token_that_is_not_good_opens_nothing_and_reads_like_a_bad_key(
    house: Any, provider: Provider, claims: dict[str, Any]
) -> None:
    answer = await house.client.get("/v1/whoami", headers=headers(provider, **claims))
    assert (answer.status_code, answer.json()["code"]) == (401, "credential-invalid")
    assert answer.json()["detail"] == "the credential is not accepted"


async def test_a_user_without_a_group_of_ours_is_known_and_may_nothing(house: Any, provider: Provider) -> None:
    answer = await house.client.get("/v1/whoami", headers=headers(provider, groups=["canteen"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "role-missing")


async def test_while_the_provider_cannot_be_asked_the_door_says_come_back_and_readings_by_key_go_on(
    house: Any, provider: Provider
) -> None:
    provider.status = 500
    answer = await house.client.get("/v1/anomalies", headers=headers(provider))
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "dependency-failed", "1")
    assert (await house.client.get("/healthz", headers=headers(provider))).status_code == 200
