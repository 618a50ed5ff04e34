"""`tidegate serve` as a stranger runs it: a process on a port, told to stop, killed, started twice, given nonsense."""

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from serving import PATIENCE, TIDEGATE, all_scored, environment, serving, settled


def post(client: httpx.Client, first: int, count: int = 50) -> int:
    """Send `count` readings of one device from second `first` on; how many the door took."""
    now_ms = 1_700_000_000_000
    rows = [
        {
            "site": "s",
            "device": "d",
            "profile": "nab-5min",
            "event_time_ms": now_ms + 300_000 * number,
            "metrics": {"value": number % 7},
        }
        for number in range(first, first + count)
    ]
    answer = client.post("/v1/readings", json={"site": "s", "readings": rows})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return int(answer.json()["accepted"])


def test_it_stops_in_order_when_told_to_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, client):
        accepted = post(client, 0)
        settled(client, accepted)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    with serving(tmp_path) as (_, client):
        assert settled(client, accepted)["balance"] == all_scored(accepted)
    restored = [json.loads(line) for line in (tmp_path / "serve.log").read_text().splitlines() if '"restored"' in line]
    assert restored[-1]["batches"] == 0, "a stop in order leaves a snapshot, so nothing is replayed"


def test_kill_dash_nine_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    accepted = 0
    for life in range(3):
        with serving(tmp_path) as (process, client):
            for part in range(5):
                accepted += post(client, 250 * life + 50 * part)
            process.kill()
            process.wait(PATIENCE)
    with serving(tmp_path) as (_, client):
        balance = settled(client, accepted)["balance"]
    assert balance == all_scored(accepted)


def test_a_second_process_on_the_same_log_is_turned_away(tmp_path: Path) -> None:
    with serving(tmp_path) as (first, _):
        second = subprocess.run(
            [*TIDEGATE, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=PATIENCE,
            check=False,
        )
    assert second.returncode == 3
    assert str(first.pid) in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("options", "settings", "complaint"),
    [
        (["--port", "70000"], {}, "65535"),
        (["--config", "absent.yaml"], {}, "absent.yaml"),
        ([], {"TIDEGATE_API__PRT": "1"}, "TIDEGATE_API__PRT"),
        ([], {"TIDEGATE_PROFILES": "[profile.yaml]"}, "no-such-bundle"),
        ([], {"TIDEGATE_BUNDLES": "[nowhere]"}, "nowhere"),
        ([], {"TIDEGATE_PROFILES": "[absent]"}, "absent"),
        ([], {"TIDEGATE_ALLOCATION__PERIOD": "1"}, "allocation.period"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, options: list[str], settings: dict[str, str], complaint: str
) -> None:
    profile = "name: p\ninterval_seconds: 1\nbundle: no-such-bundle\nmetrics: {m: {unit: '1'}}\n"
    (tmp_path / "profile.yaml").write_text(profile)
    done = subprocess.run(
        [*TIDEGATE, "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        env=environment(**settings),
        timeout=PATIENCE,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_a_busy_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        port = str(client.base_url.port)
        done = subprocess.run(
            [*TIDEGATE, "serve", "--port", port, "--data-dir", str(tmp_path / "other")],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 2
    assert port in done.stderr
    assert "TIDEGATE_API__PORT" in done.stderr
