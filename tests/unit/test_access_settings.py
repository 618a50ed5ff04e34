"""Access by settings: off on loopback, said explicitly elsewhere, and no half-described identity provider."""

from typing import Any

import pytest

from tidegate.bootstrap.access import check_exposure, worker_token
from tidegate.errors import ConfigurationError
from tidegate.settings import load_settings

OIDC = {"issuer": "https://id.example.org", "audience": "tidegate"}


def settings(host: str = "127.0.0.1", **access: Any) -> Any:
    return load_settings(environment={}, options={"api": {"host": host}, "access": access})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_on_loopback_nobody_is_asked(host: str) -> None:
    check_exposure(settings(host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "plant.example.org", ""])  # noqa: S104 refused, not bound
def test_listening_elsewhere_without_access_control_is_refused_unless_it_is_said(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"access\.accept"):
        check_exposure(settings(host))
    check_exposure(settings(host, allow_anonymous=True))
    check_exposure(settings(host, accept=["keys"]))


TOKEN = "0123456789abcdef" * 2


def test_a_worker_that_only_doors_may_ask_needs_their_token_and_no_more() -> None:
    worker = {"roles": ["worker"], "api": {"host": "0.0.0.0"}, "access": {"worker_token": TOKEN}}  # noqa: S104 not bound
    check_exposure(load_settings(environment={}, options=worker))
    with pytest.raises(ConfigurationError, match=r"access\.accept"):
        check_exposure(load_settings(environment={}, options=worker | {"roles": ["api"]}))


@pytest.mark.parametrize("token", ["short", TOKEN + " ", "ü" * 32])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="openssl rand"):
        worker_token(settings(worker_token=token))


def test_what_is_accepted_can_be_listed_in_a_variable() -> None:
    given = {"TIDEGATE_ACCESS__ACCEPT": "keys, oidc", "TIDEGATE_ACCESS__OIDC": "{issuer: https://id.example.org, audience: a}"}
    assert load_settings(environment=given).access.accept == ("keys", "oidc")
    assert load_settings(environment={"TIDEGATE_ACCESS__ACCEPT": ""}).access.accept == ()


@pytest.mark.parametrize(
    ("access", "complaint"),
    [
        ({"accept": ["oidc"]}, "needs access.oidc.issuer"),
        ({"accept": ["keys"], "oidc": OIDC}, "no effect"),
        ({"accept": ["passwords"]}, "TIDEGATE_ACCESS__ACCEPT"),
        ({"accept": ["oidc"], "oidc": OIDC | {"algorithms": ["HS256"]}}, "ALGORITHMS"),
        ({"accept": ["oidc"], "oidc": OIDC | {"algorithms": ["none"]}}, "ALGORITHMS"),
        ({"accept": ["oidc"], "oidc": OIDC | {"algorithms": []}}, "ALGORITHMS"),
        ({"accept": ["oidc"], "oidc": OIDC | {"grants": {"ops": ["king@*"]}}}, "expected role@site"),
        ({"requests_per_second": 0}, "REQUESTS_PER_SECOND"),
    ],
)
def test_what_would_let_in_more_or_fewer_than_meant_is_refused(access: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        settings(**access)
