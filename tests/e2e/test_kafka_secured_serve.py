"""The whole program over TLS and a SCRAM login, by settings alone: topics, a simulated fleet, the service; and what it shows."""

import subprocess
from pathlib import Path

import pytest

from certificates import PASSWORD, USER, SecuredBroker
from kafka_logs import fresh_connection
from serving import PATIENCE, TIDEGATE, all_scored, environment, serving, settled

pytestmark = pytest.mark.kafka

READINGS = 4 * (50 + 2)
"""Four devices, fifty readings each from the past and one a second for two seconds."""


def settings_for(there: SecuredBroker, folder: Path, password: str = PASSWORD) -> dict[str, str]:
    secret = folder / "password"
    secret.write_text(password)
    connection = fresh_connection(there.broker.secured["LOGIN"])
    return {
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "TIDEGATE_KAFKA__GROUP": connection.group,
        "TIDEGATE_KAFKA__TOPIC_PREFIX": connection.topic_prefix,
        "TIDEGATE_KAFKA__PARTITIONS": "1",
        "TIDEGATE_KAFKA__SECURITY__PROTOCOL": "SASL_SSL",
        "TIDEGATE_KAFKA__SECURITY__CA_FILE": str(there.files.authority),
        "TIDEGATE_KAFKA__SECURITY__USERNAME": USER,
        "TIDEGATE_KAFKA__SECURITY__PASSWORD_FILE": str(secret),
    }


def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TIDEGATE, *words], env=environment(**settings), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_a_fleet_is_sent_and_scored_over_tls_and_a_login(secured_kafka: SecuredBroker, tmp_path: Path) -> None:
    settings = settings_for(secured_kafka, tmp_path)
    created = run("topics", "create", **settings)
    assert created.returncode == 0, created.stderr
    fleet = (
        "--sites",
        "1",
        "--devices",
        "4",
        "--rate",
        "4",
        "--backfill",
        "50",
        "--duration",
        "2",
        "--faults",
        "none",
        "--quiet",
    )
    sent = run("simulate", "--to", f"kafka://{secured_kafka.broker.secured['LOGIN']}", *fleet, **settings)
    assert sent.returncode == 0, sent.stderr
    with serving(tmp_path, **settings) as (_, client):
        assert settled(client, READINGS)["balance"] == all_scored(READINGS)
    assert PASSWORD not in (tmp_path / "serve.log").read_text()


def test_a_refused_login_ends_the_command_with_what_to_do(secured_kafka: SecuredBroker, tmp_path: Path) -> None:
    settings = settings_for(secured_kafka, tmp_path, "guessed")
    for words in (("topics", "check"), ("serve", "--port", "0", "--data-dir", str(tmp_path))):
        done = run(*words, **settings)
        assert done.returncode == 2, done.stderr
        assert "refuses the login of 'plant'" in done.stderr
        assert "check kafka.security.username, password and mechanism" in done.stderr
        assert "guessed" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_config_shows_that_there_is_a_password_and_not_which(tmp_path: Path) -> None:
    secret = {"TIDEGATE_KAFKA__SECURITY__PROTOCOL": "SASL_SSL", "TIDEGATE_KAFKA__SECURITY__PASSWORD": PASSWORD}
    shown = run("config", "show", **secret)
    assert shown.returncode == 0, shown.stderr
    assert "password: '**" in shown.stdout
    assert PASSWORD not in shown.stdout
    checked = run("config", "check", **secret)
    assert checked.returncode == 2
    assert "needs user and password" in checked.stderr
    assert PASSWORD not in checked.stderr
