"""Every reason of a dead letter says what it means and what to do, in the program and in the documentation alike."""

from pathlib import Path

import pytest

from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.letter_advice import ADVICE

PAGE = (Path(__file__).parents[2] / "docs" / "dead-letters.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", DeadLetterReason)
def test_a_reason_is_explained_in_the_same_words_everywhere(reason: DeadLetterReason) -> None:
    meaning, advice = ADVICE[reason]
    assert f"| `{reason}` | {meaning} | {advice} |\n" in PAGE
