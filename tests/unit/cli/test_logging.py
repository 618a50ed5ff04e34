"""Logs of libraries: in the form of our own, and not a hundred times the same."""

import json
import logging
import subprocess
import sys

from tidegate.cli.logging import OncePerPlace

SPEAKER = """
import logging
from tidegate.cli.logging import configure_logging
from tidegate.settings import LoggingSettings
configure_logging(LoggingSettings(format="json"))
for number in range(100):
    logging.getLogger("aiokafka").error("no broker at %s", number)
logging.getLogger("aiokafka").warning("elsewhere")
logging.getLogger("aiokafka").info("not of interest")
"""


def test_a_librarys_line_is_json_as_ours_and_its_repeats_are_left_out():
    done = subprocess.run([sys.executable, "-c", SPEAKER], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["level"], line["logger"]) for line in lines] == [
        ("no broker at 0", "error", "aiokafka"),
        ("elsewhere", "warning", "aiokafka"),
    ]


def record(line: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("lib", logging.ERROR, "lib.py", line, message, None, None)


def test_after_a_while_the_place_speaks_again_and_says_how_often_it_was_not_heard(monkeypatch):
    once = OncePerPlace()
    now = 0.0
    monkeypatch.setattr("tidegate.cli.logging.time.monotonic", lambda: now)
    assert [once.filter(record(1, "no")), once.filter(record(1, "no")), once.filter(record(2, "no"))] == [True, False, True]
    now = 11.0
    again = record(1, "still no")
    assert once.filter(again)
    assert again.getMessage() == "still no (and 1 times more before)"
