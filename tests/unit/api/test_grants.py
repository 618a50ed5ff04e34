"""Roles, grants, claims and rates, without a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.access.cache import Cache
from tidegate.api.access.principal import Principal
from tidegate.api.access.rates import Buckets, Rate, neighbourhood
from tidegate.api.access.tokens import ClaimRules, principal_from
from tidegate.api.errors import TooManyRequestsError
from tidegate.contracts.access import EVERY_SITE, INCLUDES, Grant, PrincipalKind, Role, parse_grant, parse_grants
from tidegate.errors import InputError


def who(*grants: str) -> Principal:
    return Principal("1", "somebody", PrincipalKind.KEY, parse_grants(list(grants)))


@given(
    st.sampled_from(list(Role)),
    st.text(min_size=1, max_size=128).filter(lambda text: text.isprintable() and text == text.strip()),
)
def test_a_grant_reads_as_it_is_written(role: Role, site: str) -> None:
    assert parse_grant(str(Grant(role, site))) == Grant(role, site)


@pytest.mark.parametrize(
    "text", ["", "operator", "operator@", "king@plant-1", "@plant-1", "operator@ plant", "operator@a\nb", "@"]
)
def test_what_is_no_grant_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected role@site"):
        parse_grant(text)


def test_every_role_includes_itself_and_only_an_admin_everything() -> None:
    assert all(role in included for role, included in INCLUDES.items())
    assert [role for role, included in INCLUDES.items() if included == set(Role)] == [Role.ADMIN]
    assert Role.READER not in INCLUDES[Role.PRODUCER]


def test_a_grant_of_one_site_reaches_no_other_and_not_all() -> None:
    operator = who("operator@plant-1")
    assert operator.may(Role.OPERATOR, "plant-1")
    assert operator.may(Role.READER, "plant-1")
    assert not operator.may(Role.READER, "plant-10")
    assert not operator.may(Role.READER, EVERY_SITE)
    assert not operator.may(Role.PRODUCER, "plant-1")
    assert who("operator@*").may(Role.OPERATOR, "plant-1")
    assert who("reader@*", "operator@plant-1").sites(Role.READER) == {"*", "plant-1"}


CLAIMS = {
    "sub": "u-17",
    "groups": ["ops", "everybody"],
    "realm_access": {"roles": "reader@a admin@b"},
    "email": "anna@example.org",
}


@pytest.mark.parametrize(
    ("rules", "grants"),
    [
        (ClaimRules(grants={"ops": ["operator@plant-1", "reader@*"]}), ["operator@plant-1", "reader@*"]),
        (ClaimRules(grants={"admins": ["admin@*"]}), []),
        (ClaimRules(), []),
        (ClaimRules(grants_claim="realm_access.roles"), ["reader@a", "admin@b"]),
        (ClaimRules(grants_claim="realm_access.roles.deeper"), []),
        (ClaimRules(grants_claim="absent"), []),
    ],
)
def test_claims_grant_what_the_rules_say(rules: ClaimRules, grants: list[str]) -> None:
    found = principal_from(CLAIMS, rules)
    assert found is not None
    assert [str(grant) for grant in found.grants] == grants


@pytest.mark.parametrize("name", [None, 7, "", "a\nb", "x" * 129, ["anna"]])
def test_a_token_whose_name_no_log_could_bear_is_nobodys(name: object) -> None:
    assert principal_from(CLAIMS | {"email": name}, ClaimRules(name="email")) is None


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    buckets = Buckets(Rate(per_second=0.5, burst=3))
    for _ in range(3):
        buckets.take("a", 0.0)
    with pytest.raises(TooManyRequestsError) as refused:
        buckets.take("a", 0.0)
    assert refused.value.retry_after_seconds == 2
    buckets.take("b", 0.0)
    buckets.take("a", 2.0)
    with pytest.raises(TooManyRequestsError):
        buckets.take("a", 2.0)


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_bucket_lets_more_through_than_burst_and_rate(waits: list[float]) -> None:
    buckets, now, taken = Buckets(Rate(per_second=2.0, burst=5)), 0.0, 0
    for wait in waits:
        now += wait
        try:
            buckets.take("a", now)
            taken += 1
        except TooManyRequestsError:
            pass
    assert taken <= 5 + 2.0 * now + 1e-6


def test_a_neighbourhood_is_an_address_or_what_one_customer_has_of_ipv6() -> None:
    assert neighbourhood("192.0.2.7") == "192.0.2.7"
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("") == ""


def test_a_cache_forgets_what_was_asked_for_longest_ago() -> None:
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1, 0.0)
    cache.put("b", 2, 0.0)
    assert cache.get("a", 0.0) == 1
    cache.put("c", 3, 0.0)
    assert (cache.get("a", 0.0), cache.get("b", 0.0), len(cache)) == (1, None, 2)
    assert cache.get("a", 0.1) is None
