"""Tokens of a real provider: which are taken, which are not, and what happens while it is away or changes its keys."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from provider import AUDIENCE, Provider, as_jwk, ec_key, providing, rsa_key
from tidegate.adapters.memory import ManualClock
from tidegate.adapters.oidc import OidcVerifier, ProviderKeys, TokenRules
from tidegate.api.access.tokens import ClaimRules, TokenDesk
from tidegate.errors import ConfigurationError, DependencyError


@dataclass
class Desk:
    provider: Provider
    clock: ManualClock
    verifier: OidcVerifier

    async def takes(self, token: str) -> bool:
        return await self.verifier.claims(token) is not None


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = ManualClock(round(time.time() * 1000))
    async with providing() as provider:
        keys = ProviderKeys(provider.issuer, "", clock)
        yield Desk(provider, clock, OidcVerifier(keys, TokenRules(provider.issuer, AUDIENCE)))
        await keys.close()


@pytest.mark.parametrize(("key_id", "algorithm"), [("r1", "RS256"), ("e1", "ES256")])
async def test_a_genuine_token_is_taken_and_the_provider_is_asked_once(desk: Desk, key_id: str, algorithm: str) -> None:
    for _ in range(3):
        assert await desk.takes(desk.provider.token(key_id, algorithm))
    assert desk.provider.questions == ["/.well-known/openid-configuration", "/keys"]


NOW = time.time()
WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 60},
    "not valid yet": {"nbf": NOW + 3600},
    "issued in the future": {"iat": NOW + 3600},
    "of another issuer": {"iss": "https://elsewhere.example.org"},
    "for another audience": {"aud": "someone-else"},
    "for nobody": {"aud": None},
    "without an end": {"exp": None},
    "without an issuer": {"iss": None},
    "without a subject": {"sub": None},
    "with a subject that is no text": {"sub": 17},
    "with an end that is no time": {"exp": "soon"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
async def test_a_token_that_says_something_wrong_is_not_taken(desk: Desk, claims: dict[str, Any]) -> None:
    with capture_logs() as logged:
        assert not await desk.takes(desk.provider.token("r1", "RS256", **claims))
    assert [line["event"] for line in logged] == ["token_refused"]


async def test_clocks_may_differ_by_the_leeway_and_an_audience_may_be_one_of_several(desk: Desk) -> None:
    assert await desk.takes(desk.provider.token("r1", "RS256", exp=time.time() - 20))
    assert await desk.takes(desk.provider.token("r1", "RS256", aud=["other", AUDIENCE]))


async def test_a_forged_token_is_not_taken(desk: Desk) -> None:
    good = desk.provider.token("r1", "RS256")
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    richer = base64.urlsafe_b64encode(json.dumps(claims | {"groups": ["admin@*"]}).encode()).rstrip(b"=").decode()
    for forged in (
        f"{head}.{richer}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        desk.provider.token("r1", "RS256", key=rsa_key()),
        desk.provider.token("e1", "ES256", key=ec_key()),
        desk.provider.token("r1", "RS256", header={"jwk": as_jwk(rsa_key(), "r1")}, key=rsa_key()),
    ):
        assert not await desk.takes(forged)


def hs256_with(secret: bytes, provider: Provider) -> str:
    """Signed with a public key as if it were a shared secret; PyJWT refuses to make one, an attacker does not."""
    claims = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "u", "exp": time.time() + 300, "groups": ["admin@*"]}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "r1"}, claims)]
    said = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.new(secret, said, hashlib.sha256).digest()).rstrip(b"=")
    return (said + b"." + signature).decode()


async def test_no_token_chooses_its_own_algorithm(desk: Desk) -> None:
    public = desk.provider.keys["r1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode(), "kid": "shared", "alg": "HS256"}
    desk.provider.listed.append(shared)
    unsigned = jwt.encode({"iss": desk.provider.issuer, "aud": AUDIENCE, "sub": "u", "exp": time.time() + 9}, None, "none")
    for token in (
        unsigned,
        hs256_with(public, desk.provider),
        hs256_with(json.dumps(desk.provider.listed[0]).encode(), desk.provider),
        desk.provider.token("shared", "HS256", key=b"s" * 32),
        desk.provider.token("r1", "RS512"),
        desk.provider.token("r1", "ES256", key=desk.provider.keys["e1"]),
        desk.provider.token("e1", "RS256", key=desk.provider.keys["r1"]),
    ):
        assert not await desk.takes(token)


async def test_a_key_too_short_to_be_safe_signs_nothing(desk: Desk) -> None:
    weak = rsa_key(1024)
    desk.provider.add("weak", weak)
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = desk.provider.token("weak", "RS256")
    assert not await desk.takes(token)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é", "[" * 8000, "e30.e30.", "bnVsbA.e30.", "\x00"])
async def test_what_is_no_token_is_not_taken(desk: Desk, text: str) -> None:
    nested = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    assert not await desk.takes(text)
    assert not await desk.takes(f"{nested}.{nested}.{nested}")


async def test_a_rotated_key_is_learnt_when_it_is_first_seen(desk: Desk) -> None:
    assert await desk.takes(desk.provider.token("r1", "RS256"))
    desk.provider.listed.clear()
    desk.provider.add("r2", rsa_key())
    desk.clock.advance(11)
    assert await desk.takes(desk.provider.token("r2", "RS256"))
    assert not await desk.takes(desk.provider.token("r1", "RS256"))


async def test_a_withdrawn_key_is_forgotten_although_no_token_names_another(desk: Desk) -> None:
    token = desk.provider.token("r1", "RS256", exp=time.time() + 9000)
    assert await desk.takes(token)
    del desk.provider.listed[0]
    desk.clock.advance(601)
    assert not await desk.takes(token)


async def test_made_up_key_ids_do_not_flood_the_provider(desk: Desk) -> None:
    for number in range(50):
        assert not await desk.takes(desk.provider.token(f"made-up-{number}", "RS256", key=desk.provider.keys["r1"]))
    together = [desk.takes(desk.provider.token(f"n-{n}", "RS256", key=desk.provider.keys["r1"])) for n in range(20)]
    assert not any(await asyncio.gather(*together))
    assert desk.provider.questions.count("/keys") == 1


async def test_a_token_without_a_key_id_is_taken_when_there_is_just_one_key(desk: Desk) -> None:
    assert not await desk.takes(desk.provider.token("r1", "RS256", header={"kid": None}))
    del desk.provider.listed[1]
    desk.clock.advance(11)
    assert await desk.takes(desk.provider.token("r1", "RS256", header={"kid": None}))


async def test_while_the_provider_is_down_known_keys_serve_for_an_hour(desk: Desk) -> None:
    token = desk.provider.token("r1", "RS256", exp=time.time() + 9000)
    assert await desk.takes(token)
    desk.provider.status = 503
    desk.clock.advance(3000)
    assert await desk.takes(token)
    desk.clock.advance(601)
    with pytest.raises(DependencyError, match="keys are not known"):
        await desk.takes(token)
    desk.provider.status = 200
    desk.clock.advance(11)
    assert await desk.takes(token)


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"claims_to_be": "https://elsewhere"}, {"padding": 300_000}, {"listed": None}, {"status": 302}]
)
async def test_a_provider_that_cannot_be_believed_gives_no_keys(desk: Desk, fault: dict[str, Any]) -> None:
    token = desk.provider.token("r1", "RS256")
    for name, value in fault.items():
        setattr(desk.provider, name, value)
    with pytest.raises(DependencyError):
        await desk.takes(token)


async def test_a_provider_that_is_not_there_is_a_dependency_that_failed() -> None:
    keys = ProviderKeys("http://127.0.0.1:9", "", ManualClock())
    with pytest.raises(DependencyError):
        await keys.find("any")
    await keys.close()


@pytest.mark.parametrize(
    "url", ["http://id.example.org", "http://10.0.0.7/realms/x", "ftp://127.0.0.1", "id.example.org", "http://["]
)
def test_keys_are_not_fetched_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not https"):
        ProviderKeys(url, "", ManualClock())


async def test_a_provider_with_a_certificate_of_its_own_authority_is_asked_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with providing(context) as provider:
        for ca_file, known in ((tmp_path / "ca.pem", True), (None, False)):
            keys = ProviderKeys(provider.issuer, f"{provider.issuer}/keys", ManualClock(), ca_file)
            verifier = OidcVerifier(keys, TokenRules(provider.issuer, AUDIENCE))
            if known:
                assert await verifier.claims(provider.token("r1", "RS256"))
            else:
                with pytest.raises(DependencyError):
                    await verifier.claims(provider.token("r1", "RS256"))
            await keys.close()


async def test_a_token_is_verified_once_and_ends_when_it_says(desk: Desk) -> None:
    principals = TokenDesk(desk.verifier, ClaimRules(), desk.clock)
    token = desk.provider.token("r1", "RS256", exp=time.time() + 20)
    first = await principals.principal(token)
    assert first is not None
    assert (first.id, [str(grant) for grant in first.grants]) == ("u-17", ["operator@plant-7"])
    desk.provider.status = 500
    assert await principals.principal(token) is first
    assert await principals.principal(token + "x") is None
