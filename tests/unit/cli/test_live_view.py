"""Facts in plain words, safe to print."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tidegate.api import examples
from tidegate.cli.screen import draw
from tidegate.cli.watch import plain_line
from tidegate.cli.wording import because, clock_time, effect, number, printable
from tidegate.contracts.ids import DeviceId

HOSTILE = DeviceId("pump\x1b[2J\r\n[red]1[/]")


def screen(width: int, height: int, **changes: object) -> list[str]:
    paper = StringIO()
    console = Console(width=width, height=height, file=paper)
    console.print(draw(replace(examples.SUMMARY, **changes), "http://127.0.0.1:8080", (width, height)))  # type: ignore[arg-type]
    return paper.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_screen_fits_the_terminal_however_much_there_is_to_show(width: int, height: int) -> None:
    lines = screen(
        width, height, anomalies=[examples.ANOMALY] * 10, incidents=[examples.INCIDENT] * 10, decisions=[examples.DECISION] * 10
    )
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_says_why_and_what_changed(width: int) -> None:
    text = "\n".join(screen(width, 30))
    for words in ("412/s", "ok 118", "warming 2", "93.2, expected 68.8 to 73.1", "unserved 1→0", "/docs", "/console/"):
        assert words in text


def test_an_empty_service_has_a_screen_too() -> None:
    assert "none yet" in "\n".join(screen(80, 24, anomalies=[], incidents=[], decisions=[], devices={}, readings_per_second=None))


def test_an_id_cannot_paint_the_terminal() -> None:
    summary = replace(examples.SUMMARY, anomalies=[replace(examples.ANOMALY, device=HOSTILE)])
    line, drawn = plain_line(summary), "\n".join(screen(120, 40, anomalies=summary.anomalies))
    assert "pump·[2J··[red]1[/]" in line
    assert "pump·[2J" in drawn
    assert not any(character in line + drawn for character in "\x1b\r")


def test_a_time_that_no_calendar_has_is_shown_as_it_is() -> None:
    assert clock_time(10**17) == str(10**17)


def test_the_strongest_reason_speaks_for_the_anomaly() -> None:
    weak = replace(examples.REASON, neg_log10_p=1.0, observed=1.0)
    assert because(replace(examples.ANOMALY, reasons=[weak, examples.REASON])).startswith("93.2")
    assert because(replace(examples.ANOMALY, reasons=[])) == "out-of-pattern"


def test_a_plan_that_changes_nothing_says_so() -> None:
    assert effect(replace(examples.DECISION, after=examples.DECISION.before)) == "no goal changes"


def test_numbers_are_short_and_control_characters_visible() -> None:
    assert [number(value) for value in (None, 0.123456, 12345.6, -8.7e-32)] == ["?", "0.1235", "12,346", "0"]
    assert printable("a\tb") == "a·b"
