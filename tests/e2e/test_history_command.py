"""`tidegate history` beside a running service and without one: what is there, out of it, by age, and made again."""

import asyncio
import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from serving import serving
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.api import examples
from tidegate.cli.main import app
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.ports import Outgoing

PATIENCE_SECONDS = 60.0


def history(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["history", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(folder: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(history("status", "--data-dir", str(folder), "--json"))["rows"]
    return found


async def fill(folder: Path) -> None:
    """A log with facts, one of them with a name that a spreadsheet would take for a formula."""
    log = await EmbeddedLog.open(folder / "tidegate.db")
    facts = [replace(examples.ANOMALY, id=f"a{number}", opened_at_ms=1000 + number) for number in range(1200)]
    facts.append(replace(examples.ANOMALY, id="=cmd()", site="other", opened_at_ms=5000))
    await log.append([Outgoing(topics.ANOMALIES, 0, b"k", encode(fact)) for fact in facts])
    await log.append([Outgoing(topics.ASSIGNMENTS, 0, b"k", encode(examples.ASSIGNMENT))])
    await log.close()


async def test_history_is_made_again_and_comes_out_as_lines_and_tables(tmp_path: Path) -> None:
    await fill(tmp_path / "data")
    await _in_thread(_export, tmp_path / "data", tmp_path / "out.csv")


def _export(folder: Path, out: Path) -> None:
    where = ("--data-dir", str(folder))
    done = json.loads(history("rebuild", *where, "--yes", "--json"))
    assert done == {"forgot": True, "records": 1202, "follows": "here"}
    lines = [json.loads(line) for line in history("export", "anomalies", *where).splitlines()]
    assert [line["opened_at_ms"] for line in lines] == [*range(1000, 2200), 5000]
    assert [json.loads(line)["id"] for line in history("export", "anomalies", *where, "--site", "other").splitlines()] == [
        "=cmd()"
    ]
    some = history("export", "anomalies", *where, "--since", "1970-01-01T00:00:02.190Z", "--until", "1970-01-01T00:00:03Z")
    assert len(some.splitlines()) == 10
    history("export", "anomalies", *where, "--format", "csv", "--out", str(out))
    table = list(csv.DictReader(io.StringIO(out.read_text())))
    assert (len(table), table[-1]["id"], json.loads(table[0]["metrics"])) == (1201, "'=cmd()", list(examples.ANOMALY.metrics))
    assert json.loads(history("export", "assignments", *where))["device"] == examples.ASSIGNMENT.device
    assert json.loads(history("prune", *where, "--json"))["anomalies"] == 0
    assert "form 000" in history("migrate", *where)
    refused = CliRunner().invoke(app, ["history", "export", "assignments", *where, "--since", "1h"])
    assert "no --since" in str(refused.exception)


def test_beside_a_running_service_it_is_read_and_the_service_makes_it_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(tmp_path) as (_, client):
        sent = client.post("/v1/sites/s/freeze", json={"reason": "test"})
        assert sent.is_success, sent.text
        _until(lambda: rows(data)["commands"] == 1)
        again = json.loads(history("rebuild", "--data-dir", str(data), "--yes", "--json"))
        assert again["follows"] == "service"
        _until(lambda: rows(data)["commands"] == 1)


def _until(look: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


async def _in_thread(work: Any, *arguments: Any) -> None:
    """Commands make loops of their own."""

    await asyncio.to_thread(work, *arguments)
