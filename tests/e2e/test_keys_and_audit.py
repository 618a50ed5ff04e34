"""Access as an operator meets it: a key made by the command line, a service that asks for it, a record, a key revoked."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from serving import PATIENCE, TIDEGATE, environment, serving


def keys(folder: Path, *arguments: str) -> Any:
    command = [*TIDEGATE, "keys", *arguments, "--data-dir", str(folder / "data"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def bearer(made: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {made['secret']}"}


def test_the_first_key_is_made_before_the_service_runs_and_every_command_is_on_record(tmp_path: Path) -> None:
    admin = keys(tmp_path, "create", "first-admin", "--grant", "admin@*")
    desk = keys(tmp_path, "create", "desk", "--grant", "operator@plant-7", "--expires", "1d")
    with serving(tmp_path, TIDEGATE_ACCESS__ACCEPT="keys") as (_, client):
        assert client.get("/v1/anomalies").status_code == httpx.codes.UNAUTHORIZED
        spoofed = bearer(desk) | {"x-forwarded-for": "203.0.113.9"}
        sent = client.post("/v1/commands", json={"site": "plant-7", "kind": "freeze", "issued_by": "the boss"}, headers=spoofed)
        assert sent.status_code == httpx.codes.ACCEPTED, sent.text
        refused = client.post("/v1/commands", json={"site": "plant-8", "kind": "freeze"}, headers=bearer(desk))
        assert refused.status_code == httpx.codes.FORBIDDEN
        entry = decided(client, sent.json()["id"], bearer(admin))
        assert (entry["principal"], entry["outcome"], entry["address"]) == ("desk", "refused", "127.0.0.1")
        assert "topology" in entry["reason"]
        assert client.get("/v1/commands/" + sent.json()["id"], headers=bearer(desk)).json()["issued_by"] == "desk"
        listed = client.get("/v1/audit?result=refused", headers=bearer(admin)).json()["items"]
        assert [(each["principal"], each["code"]) for each in listed] == [("desk", "role-missing")]

        assert keys(tmp_path, "revoke", desk["key"]["id"])["revoked_at_ms"]
        time.sleep(2.1)  # what a process may take a key for that it looked up before
        assert client.get("/v1/whoami", headers=bearer(desk)).status_code == httpx.codes.UNAUTHORIZED

        fresh = keys(tmp_path, "rotate", admin["key"]["id"], "--keep", "1h")
        for each in (admin, fresh):
            assert client.get("/v1/keys", headers=bearer(each)).status_code == httpx.codes.OK
        actions = [each["action"] for each in client.get("/v1/audit", headers=bearer(fresh)).json()["items"]]
        assert f"revoke-key {desk['key']['id']}" in actions
    said = (tmp_path / "serve.log").read_text() + json.dumps(keys(tmp_path, "list"))
    assert "first-admin" in said
    for made in (admin, desk, fresh):
        assert made["secret"].rpartition("_")[2] not in said


def decided(client: httpx.Client, command: str, headers: dict[str, str]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while True:
        [entry] = client.get(f"/v1/audit?command={command}", headers=headers).json()["items"]
        if entry["outcome"] not in (None, "pending"):
            return entry
        assert time.monotonic() < deadline, entry
        time.sleep(0.05)


def test_listening_beyond_loopback_without_access_control_is_refused_at_the_start(tmp_path: Path) -> None:
    command = [*TIDEGATE, "serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path)]  # noqa: S104 refused
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=PATIENCE)
    assert done.returncode == 2
    assert "access.accept" in done.stderr
    assert not (tmp_path / "tidegate.db").exists()


def test_mistakes_with_keys_are_said_in_a_line(tmp_path: Path) -> None:
    for arguments, complaint in (
        (["create", "x", "--grant", "king@plant-7"], "expected role@site"),
        (["create", "x\n", "--grant", "reader@*"], "control characters"),
        (["create", "x", "--grant", "reader@*", "--expires", "soon"], "expected such as"),
        (["revoke", "0123456789abcdef"], "there is no key"),
        (["rotate", "0123456789abcdef"], "there is no key"),
    ):
        command = [*TIDEGATE, "keys", *arguments, "--data-dir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr
