"""Schemathesis over every operation of a running service with a fleet in it: `python tests/e2e/api_fuzz.py --out FILE`."""

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from serving import PATIENCE, environment, serving

HERE = Path(__file__).parent

ENDLESS = "/v1/stream"
"""Never ends, so no answer of it can be checked; tests/property/test_stream_resume.py has it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run came to."""

    operations: int
    requests: int
    failures: int
    seconds: float
    seed: int


def fill(url: str, folder: Path) -> None:
    """A small fleet with faults, and one letter nobody can read, so that there is something of each kind to ask for."""
    command = [sys.executable, "-m", "tidegate.cli.main", "simulate", "--to", url, "--quiet", "--sites", "2", "--gateways", "3"]
    size = ["--devices", "10", "--backfill", "80", "--duration", "4"]
    subprocess.run([*command, *size], check=True, timeout=PATIENCE, env=environment(), cwd=folder)


def run(url: str, report: Path, *, examples: int, seconds: int | None, seed: int) -> tuple[Findings, str]:
    """Every phase with every check; returns what it came to, and the report for people.

    Given `seconds`, fuzzing and stateful testing are repeated until they are over: how many requests are made is then up to the
    machine. With None each is done once, of `examples` cases an operation, however long that takes.
    """
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"{url}/openapi.json", "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--no-color"]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--exclude-path", ENDLESS]
    command += [] if seconds is None else ["--max-time", str(seconds)]
    command += ["--generation-database", "none", "--report", "json", "--report-json-path", str(report)]
    patience = None if seconds is None else seconds * 2 + 120
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False, cwd=report.parent)
    text = done.stdout + done.stderr
    return _findings(text, done.returncode, seed), text


def _findings(text: str, code: int, seed: int) -> Findings:
    """From the summary: the numbers, and no failures only where the program itself says so."""
    tested = re.search(r"Tested: (\d+)", text)
    cases = re.search(r"([\d,]+) generated", text)
    failed = re.search(r"(\d+) unique failure", text)
    seconds = re.search(r"in ([\d.]+)s =+", text)
    if tested is None or cases is None or seconds is None:
        raise RuntimeError(f"schemathesis did not finish:\n{text[-4000:]}")
    failures = int(failed[1]) if failed else (0 if code == 0 else -1)
    return Findings(int(tested[1]), int(cases[1].replace(",", "")), failures, float(seconds[1]), seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, fill, run, and say what it came to; 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="file for the figures, JSON")
    parser.add_argument("--examples", type=int, default=100, help="cases an operation in fuzzing")
    parser.add_argument("--seconds", type=int, default=600, help="at most")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        _, client = stack.enter_context(serving(folder))
        url = str(client.base_url).rstrip("/")
        fill(url, folder)
        findings, text = run(url, folder / "report.json", examples=asked.examples, seconds=asked.seconds, seed=asked.seed)
    if asked.out:
        asked.out.write_text(json.dumps(asdict(findings), indent=2) + "\n", encoding="utf-8")
    print(text[-6000:] if findings.failures else findings)
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
