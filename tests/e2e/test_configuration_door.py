"""Profiles and bundles of a running service, by REST and by command: shown, previewed, changed, refused, and kept over a kill."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import TIDEGATE, environment, serving, settled

PROFILE: dict[str, Any] = {
    "name": "probe",
    "interval_seconds": 1.0,
    "metrics": {"load": {"unit": "1", "low": 0.0, "high": 1000.0}},
    "alarm": {"alerts_per_device_day": 50.0},
}
PATH = "/v1/sites/plant/profiles"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "probe.yaml").write_text(json.dumps(PROFILE), encoding="utf-8")
    return tmp_path


@pytest.fixture
def door(folder: Path) -> Iterator[httpx.Client]:
    with serving(folder, TIDEGATE_PROFILES=f"[{folder / 'probe.yaml'}]", TIDEGATE_WORKER__TICK_SECONDS="0.2") as (_, client):
        yield client


def send(client: httpx.Client, start: int, count: int) -> None:
    now_ms = int(time.time() * 1000) - 600_000
    for second in range(start, start + count):
        load = 900.0 if second == 80 else 100.0 + second % 7
        reading: dict[str, Any] = {"site": "plant", "device": "d1", "profile": "probe", "metrics": {"load": load}}
        reading["event_time_ms"] = now_ms + second * 1000
        assert client.post("/v1/readings", json=[reading]).status_code == 202
    settled(client, start + count)


def outcome(client: httpx.Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        answer = client.get(path)
        if answer.status_code == 200 and answer.json()["status"] != "pending":
            found: dict[str, Any] = answer.json()
            return found
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)


def run(client: httpx.Client, *arguments: str) -> "subprocess.CompletedProcess[str]":
    settings = environment(TIDEGATE_URL=str(client.base_url))
    return subprocess.run([*TIDEGATE, *arguments], capture_output=True, text=True, env=settings, timeout=120, check=False)


def test_profiles_are_previewed_changed_and_kept(folder: Path, door: httpx.Client) -> None:
    send(door, 0, 100)
    deaf = {**PROFILE, "alarm": {"alerts_per_device_day": 50.0, "minimum_severity": "critical"}}
    first = door.get(PATH)
    etag = first.headers["etag"]
    assert (first.json()["own"], etag) == ([], f'"{first.json()["digest"]}"')

    preview = door.post(f"{PATH}/preview", json={"profiles": [PROFILE]}).json()
    assert (preview["vanishing"], preview["appearing"], preview["readings"]) == (0, 0, 100)
    assert door.post(f"{PATH}/preview", json={"profiles": [deaf]}).json()["diff"]["changes"] == [
        {"profile": "probe", "field": "alarm.minimum_severity", "before": "low", "after": "critical"}
    ]

    assert door.put(PATH, json={"profiles": [deaf]}, headers={"if-match": '"other"'}).status_code == 412
    receipt = door.put(PATH, json={"profiles": [deaf], "issued_by": "anna"}, headers={"if-match": etag})
    assert (receipt.status_code, receipt.json()["diff"]["restarts"]) == (202, [])
    assert outcome(door, receipt.json()["outcome"])["status"] == "accepted"
    now = door.get(PATH).json()
    assert (now["own"], now["issued_by"]) == (["probe"], "anna")
    assert door.get("/v1/configuration").json()["sites"] == [now]
    stale = door.put(PATH, json={"profiles": []}, headers={"if-match": etag})
    assert stale.status_code == 412

    (folder / "deaf.yaml").write_text(json.dumps(deaf), encoding="utf-8")
    same = run(door, "config", "preview", "plant", str(folder / "deaf.yaml"))
    assert (same.returncode, "no change" in same.stdout) == (0, True), same.stderr
    assert json.loads(run(door, "config", "profiles", "plant", "--json").stdout)["digest"] == now["digest"]
    back = run(door, "config", "apply", "plant", "--reason", "enough")
    assert back.returncode == 0, back.stderr
    assert door.get(PATH).json()["own"] == []


def test_bundles_are_listed_verified_and_activated(door: httpx.Client) -> None:
    send(door, 0, 5)
    [bundle] = door.get("/v1/bundles").json()
    assert (bundle["name"], bundle["version"], bundle["loaded"]) == ("universal", "1", True)
    assert bundle["uses"] == [{"site": "plant", "profile": "probe", "devices": 1, "warmed": 0}]
    assert door.post("/v1/bundles/universal/1/verify").json() == {
        "name": "universal", "version": "1", "sound": True, "findings": []
    }  # fmt: skip
    assert door.post("/v1/bundles/universal/9/verify").status_code == 404
    wrong = run(door, "bundle", "activate", "absent/3", "--site", "plant", "--profile", "probe")
    assert (wrong.returncode, "not loaded, there are universal" in wrong.stdout) == (1, True)
    done = run(door, "bundle", "activate", "universal/1", "--site", "plant", "--profile", "probe", "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "accepted")
    served = run(door, "bundle", "served", "--json")
    assert json.loads(served.stdout)[0]["uses"][0]["devices"] == 1
    assert run(door, "bundle", "activate", "nonsense", "--site", "a", "--profile", "b").returncode == 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"null", b'{"profiles": 1}', b'{"profiles": [1]}', b'{"profiles": [{"name": "x"}]}', b"\xff\xfe",
        b'{"profiles": ' + b"[" * 50_000,
        json.dumps({"profiles": [{**PROFILE, "interval_seconds": 0}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "metrics": {}}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "metrics": {"a\x07": {}}}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "name": " probe"}]}).encode(),
        json.dumps({"profiles": [PROFILE, PROFILE]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "metrics": {f"m{n}": {} for n in range(1001)}}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "name": f"p{n}"} for n in range(101)]}).encode(),
        json.dumps({"profiles": [PROFILE]}).replace("1000.0", "1e999").encode(),
        json.dumps({"profiles": [{**PROFILE, "metrics": {"m": {"stuck_after": 10**40}}}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "metrics": {"m": {"stuck_after": 2**62}}}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "description": "x" * 3000}]}).encode(),
        json.dumps({"profiles": [{**PROFILE, "demand": {"cpu": {"terms": [{"metric": "absent"}]}}}]}).encode(),
    ],
)  # fmt: skip
def test_no_profile_that_makes_no_sense_comes_past_the_door(shared_door: httpx.Client, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for answer in (
        shared_door.put(PATH, content=body, headers=headers),
        shared_door.post(f"{PATH}/preview", content=body, headers=headers),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text[:500]
    assert shared_door.get(PATH).json()["own"] == []
    assert shared_door.get("/readyz").status_code == 200


@pytest.fixture(scope="module")
def shared_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(tmp_path_factory.mktemp("shared"), TIDEGATE_WORKER__TICK_SECONDS="0.2") as (_, client):
        yield client


def test_settings_are_shown_with_their_origin_and_secrets_are_not(shared_door: httpx.Client) -> None:
    shown = {each["key"]: each for each in shared_door.get("/v1/configuration").json()["settings"]}
    assert (shown["worker.tick_seconds"]["value"], shown["worker.tick_seconds"]["source"]) == (0.2, "environment")
    assert shown["worker.tick_seconds"]["where"] == "TIDEGATE_WORKER__TICK_SECONDS"
    assert shown["api.port"]["source"] == "option"
    assert shown["kafka.security.password"] == {
        "key": "kafka.security.password", "variable": "TIDEGATE_KAFKA__SECURITY__PASSWORD",
        "value": "unset", "source": "default", "where": "", "secret": True,
    }  # fmt: skip
