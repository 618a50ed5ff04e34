"""Keys, roles and sites at the door: who may do what, what a stranger learns, and what is left on record."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from tidegate.api import examples
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.keys import KeyRing, new_key
from tidegate.api.access.rates import Rate
from tidegate.api.access.rules import ITEMS, RULES, SiteFrom, rule_for
from tidegate.api.app import ROUTERS
from tidegate.contracts import topics
from tidegate.contracts.access import KeyRequest
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.views import SiteView

SITE, OTHER = "plant-7", "plant-8"
PARTITIONS = 3


@pytest.fixture
def access() -> Any:
    return lambda keys, clock: AccessControl(Authenticator(KeyRing(keys, clock)), failures=Rate(1.0, 3))


async def key(house: Any, *grants: str, **more: Any) -> dict[str, str]:
    """Headers with a new key of these grants."""
    stored, made = new_key(KeyRequest("somebody", list(grants), **more), "test", house.clock.now_ms())
    await house.keys.add(stored)
    return {"authorization": f"Bearer {made.secret}"}


def reading(site: str) -> dict[str, Any]:
    return {"site": site, "device": "pump-1", "profile": "pump", "event_time_ms": 1, "metrics": {"motor_celsius": 1.0}}


def freeze(site: str) -> dict[str, Any]:
    return {"site": site, "kind": "freeze", "issued_by": "somebody-else"}


def routes() -> list[tuple[str, APIRoute]]:
    found = [route for module in ROUTERS for route in module.router.routes]
    return [(method, route) for route in found if isinstance(route, APIRoute) for method in sorted(route.methods or ())]


@pytest.mark.parametrize(("method", "route"), routes(), ids=lambda part: getattr(part, "path", part))
def test_every_route_has_a_rule_that_finds_its_site(method: str, route: APIRoute) -> None:
    rule = rule_for(method, route.path)
    told = (method, route.path) in RULES or "{site}" in route.path or any(f"{{{item}}}" in route.path for item in ITEMS)
    assert told, f"add a row for {method} {route.path} to api/access/rules.py: where does its site come from?"
    if rule.site is SiteFrom.PATH:
        assert "{site}" in route.path


@pytest.mark.parametrize(("method", "route"), routes(), ids=lambda part: getattr(part, "path", part))
async def test_a_stranger_is_asked_for_a_credential_at_every_route_that_is_not_open(
    house: Any, method: str, route: APIRoute
) -> None:
    if rule_for(method, route.path).open:
        return
    answer = await house.client.request(method, route.path.replace("{", "").replace("}", ""), json={})
    assert (answer.status_code, answer.json()["code"]) == (401, "credential-missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="tidegate"'


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
async def test_health_and_documentation_are_open(house: Any, path: str) -> None:
    assert (await house.client.get(path)).status_code == 200
    assert (await house.client.get(path, headers={"authorization": "Bearer nonsense"})).status_code == 200


@pytest.mark.parametrize(
    ("grant", "method", "path", "body", "status"),
    [
        (f"producer@{SITE}", "POST", "/v1/readings", reading(SITE), 202),
        (f"producer@{SITE}", "POST", "/v1/readings", reading(OTHER), 403),
        (f"producer@{SITE}", "POST", "/v1/acks", {"site": OTHER, "gateway": "g", "kind": "heartbeat", "sent_at_ms": 1}, 403),
        (f"producer@{SITE}", "GET", f"/v1/devices?site={SITE}", None, 403),
        (f"reader@{SITE}", "GET", f"/v1/devices?site={SITE}", None, 200),
        (f"reader@{SITE}", "GET", "/v1/devices", None, 200),
        (f"reader@{SITE}", "GET", f"/v1/devices?site={OTHER}", None, 403),
        (f"reader@{SITE}", "GET", f"/v1/devices?site={SITE}&site={OTHER}", None, 403),
        (f"reader@{SITE}", "GET", f"/v1/sites/{OTHER}/topology", None, 403),
        (f"reader@{SITE}", "POST", "/v1/readings", reading(SITE), 403),
        (f"reader@{SITE}", "POST", "/v1/commands", freeze(SITE), 403),
        (f"reader@{SITE}", "GET", "/metrics", None, 403),
        ("reader@*", "GET", "/metrics", None, 200),
        ("reader@*", "GET", "/v1/anomalies", None, 200),
        (f"operator@{SITE}", "POST", "/v1/commands", freeze(SITE), 202),
        (f"operator@{SITE}", "POST", "/v1/commands", freeze(OTHER), 403),
        (f"operator@{SITE}", "GET", "/v1/keys", None, 403),
        (f"admin@{SITE}", "GET", "/v1/keys", None, 403),
        (f"admin@{SITE}", "POST", "/v1/readings", reading(SITE), 202),
        ("admin@*", "GET", "/v1/keys", None, 200),
        ("admin@*", "GET", "/v1/audit", None, 200),
    ],
)
async def test_a_role_reaches_as_far_as_its_grant(house: Any, grant: str, method: str, path: str, body: Any, status: int) -> None:
    answer = await house.client.request(method, path, json=body, headers=await key(house, grant))
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "role-missing"
        assert answer.json()["advice"]


async def test_who_sees_several_sites_has_to_say_which(house: Any) -> None:
    headers = await key(house, f"reader@{SITE}", f"reader@{OTHER}")
    answer = await house.client.get("/v1/anomalies", headers=headers)
    assert (answer.status_code, answer.json()["advice"]) == (403, f"add ?site= with one of: {SITE}, {OTHER}")
    assert (await house.client.get(f"/v1/anomalies?site={OTHER}", headers=headers)).status_code == 200


async def test_a_list_shows_whoever_sees_one_site_that_site(house: Any) -> None:
    mine, other = to_builtins(examples.ANOMALY), to_builtins(examples.ANOMALY) | {"id": "anomaly-2", "site": OTHER}
    await house.publish(topics.ANOMALIES, SITE, mine)
    await house.publish(topics.ANOMALIES, OTHER, other)
    for grant, seen in ((f"reader@{SITE}", {SITE}), (f"reader@{OTHER}", {OTHER}), ("reader@*", {SITE, OTHER})):
        page = (await house.client.get("/v1/anomalies", headers=await key(house, grant))).json()
        assert {item["site"] for item in page["items"]} == seen


COMMAND = Command(CommandId("c-1"), SiteId(SITE), CommandKind.FREEZE)
LETTER = replace(examples.DEAD_LETTER, site=SITE)


async def test_the_summary_of_one_site_holds_nothing_of_another(house: Any) -> None:
    house.live.site_views = [
        SiteView(SiteId(SITE), 1, 2, {DeviceState.OK: 5}),
        SiteView(SiteId(OTHER), 1, 2, {DeviceState.OK: 7}),
    ]
    await house.publish(topics.ANOMALIES, OTHER, to_builtins(examples.ANOMALY) | {"site": OTHER})
    summary = (await house.client.get("/v1/summary", headers=await key(house, f"reader@{SITE}"))).json()
    assert (summary["sites"], summary["devices"], summary["anomalies"]) == (1, {"ok": 5}, [])
    listed = (await house.client.get("/v1/sites", headers=await key(house, f"reader@{SITE}"))).json()
    assert [each["site"] for each in listed] == [SITE]


async def test_a_stream_shows_facts_of_ones_own_sites_and_ends_with_the_key(house: Any, url: str) -> None:
    headers = await key(house, f"reader@{SITE}")
    mine, other = to_builtins(examples.ANOMALY), to_builtins(examples.ANOMALY) | {"id": "anomaly-2", "site": OTHER}
    seen: list[str] = []
    async with httpx.AsyncClient(base_url=url) as client, client.stream("GET", "/v1/stream", headers=headers) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        await anext(lines)
        for fact in (other, mine):
            await house.publish(topics.ANOMALIES, fact["site"], fact)
        await house.feed.catch_up()
        async for line in lines:
            seen.append(line)
            if line.startswith("data"):
                break
        await house.keys.revoke(headers["authorization"].split("_")[1], house.clock.now_ms())
        house.clock.advance(2.1)
        await house.publish(topics.ANOMALIES, SITE, mine | {"id": "anomaly-3"})
        await house.feed.catch_up()
        seen += [line async for line in lines]
    assert "anomaly-2" not in "".join(seen)
    assert "anomaly-3" not in "".join(seen)
    assert examples.ANOMALY.id in "".join(seen)


STORY = {
    "anomaly": (topics.ANOMALIES, examples.ANOMALY, f"/v1/anomalies/{examples.ANOMALY.id}"),
    "incident": (topics.INCIDENTS, examples.INCIDENT, f"/v1/incidents/{examples.INCIDENT.id}"),
    "command": (topics.COMMANDS, COMMAND, "/v1/commands/c-1"),
    "plan": (topics.DECISIONS, examples.DECISION_HISTORY.facts[0], f"/v1/decisions/{examples.DECISION_HISTORY.decision.plan_id}"),
    "letter": (topics.DEADLETTER, LETTER, f"/v1/deadletters/{partition_of(SITE, PARTITIONS)}-0"),
}


def test_the_story_has_something_of_every_kind_that_is_asked_for_by_id() -> None:
    assert set(STORY) == set(ITEMS)


@pytest.mark.parametrize("item", STORY)
async def test_what_belongs_to_another_site_is_as_absent_as_what_never_was(house: Any, item: str) -> None:
    topic, fact, path = STORY[item]
    absent = path.rpartition("/")[0] + "/never-was"
    await house.publish(topic, SITE, fact)
    assert (await house.client.get(path, headers=await key(house, f"reader@{SITE}"))).status_code == 200
    stranger = await key(house, f"operator@{OTHER}")
    foreign, missing = [await house.client.get(each, headers=stranger) for each in (path, absent)]
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace(path.rpartition("/")[2], "never-was") == missing.text
    assert (await house.client.get(path, headers=await key(house, f"producer@{SITE}"))).status_code == 403


async def test_a_command_is_issued_by_whoever_the_key_says(house: Any) -> None:
    answer = await house.client.post("/v1/commands", json=freeze(SITE), headers=await key(house, f"operator@{SITE}"))
    [record] = await house.records(topics.COMMANDS)
    assert json.loads(record.value)["issued_by"] == "somebody"
    [entry] = house.audit.kept
    assert (entry.principal, entry.action, entry.site, entry.result, entry.command) == (
        "somebody",
        "freeze",
        SITE,
        "taken",
        answer.json()["id"],
    )
    assert entry.request_id == answer.headers["x-request-id"]


async def test_refused_attempts_at_commands_are_on_record(house: Any) -> None:
    reader = await key(house, f"reader@{SITE}")
    await house.client.post("/v1/commands", json=freeze(SITE), headers=reader)
    await house.client.post("/v1/commands", json=freeze(SITE))
    await house.client.post("/v1/commands", content=b"no", headers=await key(house, "operator@*"))
    told = [(entry.principal, entry.action, entry.status, entry.code) for entry in house.audit.kept]
    assert told == [
        ("somebody", "POST /v1/commands", 403, "role-missing"),
        ("anonymous", "POST /v1/commands", 401, "credential-missing"),
        ("somebody", "POST /v1/commands", 415, "media-type-unsupported"),
    ]
    assert {entry.result for entry in house.audit.kept} == {"refused"}


async def test_questions_and_readings_leave_no_record(house: Any) -> None:
    headers = await key(house, "admin@*")
    await house.client.post("/v1/readings", json=reading(SITE), headers=headers)
    await house.client.get("/v1/anomalies", headers=headers)
    assert house.audit.kept == []


async def test_a_kill_switch_works_while_the_audit_cannot_be_written_and_says_so_in_the_log(house: Any) -> None:
    headers = await key(house, "admin@*")
    house.audit.broken = True
    with capture_logs() as logged:
        answer = await house.client.post("/v1/commands", json={"site": SITE, "kind": "stop-allocation"}, headers=headers)
    assert answer.status_code == 202
    assert {line["event"] for line in logged} == {"audit", "audit_not_written"}
    assert next(line for line in logged if line["event"] == "audit")["principal"] == "somebody"


async def test_keys_are_neither_made_nor_revoked_without_a_record(house: Any) -> None:
    headers = await key(house, "admin@*")
    house.audit.broken = True
    before = set(house.keys.stored)
    for method, path, body in (
        ("POST", "/v1/keys", {"name": "mine", "grants": ["admin@*"]}),
        ("DELETE", f"/v1/keys/{next(iter(before))}", None),
    ):
        answer = await house.client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency-failed")
    assert set(house.keys.stored) == before
    assert [stored.key.revoked_at_ms for stored in house.keys.stored.values()] == [None]


async def test_a_key_made_over_rest_works_until_it_is_revoked(house: Any) -> None:
    admin = await key(house, "admin@*")
    made = (await house.client.post("/v1/keys", json={"name": "desk", "grants": [f"reader@{SITE}"]}, headers=admin)).json()
    mine = {"authorization": f"Bearer {made['secret']}"}
    who = (await house.client.get("/v1/whoami", headers=mine)).json()
    assert who == {"name": "desk", "kind": "key", "grants": [f"reader@{SITE}"], "access_control": True}
    revoked = await house.client.delete(f"/v1/keys/{made['key']['id']}", headers=admin)
    assert revoked.json()["revoked_at_ms"] == house.clock.now_ms()
    house.clock.advance(2.1)
    assert (await house.client.get("/v1/whoami", headers=mine)).status_code == 401
    listed = (await house.client.get("/v1/keys", headers=admin)).text
    assert made["secret"].rpartition("_")[2] not in listed


async def test_a_key_ends_when_it_expires(house: Any) -> None:
    headers = await key(house, "reader@*", expires_at_ms=house.clock.now_ms() + 1000)
    assert (await house.client.get("/v1/whoami", headers=headers)).status_code == 200
    house.clock.advance(1.0)
    assert (await house.client.get("/v1/whoami", headers=headers)).status_code == 401


async def test_known_keys_work_on_while_their_store_is_away_and_unknown_ones_are_told_to_come_back(house: Any) -> None:
    known, unknown = await key(house, "reader@*"), await key(house, "reader@*")
    assert (await house.client.get("/v1/whoami", headers=known)).status_code == 200
    house.keys.broken = True
    house.clock.advance(200)
    assert (await house.client.get("/v1/whoami", headers=known)).status_code == 200
    assert (await house.client.get("/v1/whoami", headers=unknown)).status_code == 503
    house.clock.advance(101)
    assert (await house.client.get("/v1/whoami", headers=known)).status_code == 503


SECRET = "0123456789abcdef" * 4
BAD = {
    "another scheme": [f"Basic {SECRET}"],
    "no scheme": [f"tdg_0123456789abcdef_{SECRET}"],
    "nothing": [""],
    "nothing but the scheme": ["Bearer "],
    "an unknown key": [f"Bearer tdg_0123456789abcdef_{SECRET}"],
    "a short key": ["Bearer tdg_0123456789abcdef_01"],
    "not ASCII": ["Bearer tdg_0123456789abcdéf_".encode() + SECRET.encode()],
    "control characters": [b"Bearer tdg_\x01"],
    "two words": [f"Bearer {SECRET} {SECRET}"],
    "huge": ["Bearer " + "a" * 1_000_000],
    "a token where none is taken": ["Bearer eyJhbGciOiJub25lIn0.e30."],
}


@pytest.mark.parametrize("values", BAD.values(), ids=BAD.keys())
async def test_a_bad_credential_is_refused_in_the_same_words_whatever_is_wrong(house: Any, values: list[Any]) -> None:
    answer = await house.client.get("/v1/whoami", headers=[("authorization", value) for value in values])
    assert (answer.status_code, answer.json()["code"]) == (401, "credential-invalid")
    assert answer.json()["detail"] == "the credential is not accepted"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_two_authorization_headers_are_refused_even_if_one_is_good(house: Any) -> None:
    [(name, value)] = (await key(house, "admin@*")).items()
    answer = await house.client.get("/v1/whoami", headers=[(name, value), (name, value)])
    assert answer.json()["code"] == "credential-invalid"


async def test_a_wrong_secret_of_a_real_key_reads_like_an_unknown_key(house: Any) -> None:
    good = (await key(house, "admin@*"))["authorization"]
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    unknown = "Bearer tdg_" + "f" * 16 + "_" + SECRET
    answers = [await house.client.get("/v1/whoami", headers={"authorization": each}) for each in (wrong, unknown)]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize("query", ["access_token={}", "site=a&api_key={}", "anything=tdg_0123456789abcdef_{}"])
async def test_a_key_in_the_query_string_is_refused_also_beside_a_good_one(house: Any, query: str) -> None:
    answer = await house.client.get(f"/v1/anomalies?{query.format(SECRET)}", headers=await key(house, "admin@*"))
    assert (answer.status_code, answer.json()["code"]) == (401, "credential-in-query")
    assert "revoke" in answer.json()["advice"]
    assert SECRET not in answer.text


async def test_trying_keys_is_slowed_down_and_good_ones_pass_all_the_same(house: Any) -> None:
    good = await key(house, "admin@*")
    wrong = {"authorization": f"Bearer tdg_0123456789abcdef_{SECRET}"}
    statuses = [(await house.client.get("/v1/whoami", headers=wrong)).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    blocked = await house.client.get("/v1/whoami", headers=wrong)
    assert (blocked.json()["code"], blocked.headers["retry-after"]) == ("rate-limited", "1")
    assert (await house.client.get("/v1/whoami", headers=good)).status_code == 200


async def test_no_secret_reaches_logs_errors_metrics_or_the_audit(house: Any) -> None:
    secret = SECRET[::-1]
    text = f"tdg_0123456789abcdef_{secret}"
    admin = await key(house, "admin@*")
    with capture_logs() as logged:
        answers = [
            await house.client.get("/v1/whoami", headers={"authorization": f"Bearer {text}"}),
            await house.client.get("/v1/whoami", headers={"authorization": text, "x-request-id": text}),
            await house.client.get("/v1/whoami", headers={"x-api-key": text, "cookie": text} | admin),
            await house.client.get(f"/v1/whoami?access_token={text}", headers=admin),
            await house.client.post(f"/v1/commands?token={text}", json={}, headers=admin),
            await house.client.get("/metrics", headers=admin),
            await house.client.get("/openapi.json"),
            await house.client.get("/v1/audit", headers=admin),
        ]
    shown = json.dumps([logged, house.metrics.requests, [vars_of(entry) for entry in house.audit.kept]], default=str)
    shown += "".join(answer.text + str(answer.headers) for answer in answers)
    assert secret not in shown
    mine = admin["authorization"].rpartition("_")[2]
    assert mine not in shown


def vars_of(entry: Any) -> Any:
    return to_builtins(entry)
