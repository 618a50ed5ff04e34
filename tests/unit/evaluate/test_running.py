"""What commands of evaluation show while they run, where nobody can draw a bar."""

import pytest

from tidegate_training.evaluate import running


def test_without_a_terminal_lines_say_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with running.progress_shown() as report:
        for done in (0, 10, 1200, 2000):
            report("readings", done, 2000)
        report("series", 1, 3)
    assert capsys.readouterr().err.splitlines() == ["readings: 0 of 2,000", "readings: 2,000 of 2,000", "series: 1 of 3"]
