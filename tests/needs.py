"""What some tests need of the machine. Where it is missing they are skipped loudly, or, where it is required (CI), they fail."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Need:
    """Called `name`. `lacking` says what is missing, empty when nothing is; `required` is the variable that CI sets to 1."""

    name: str
    lacking: Callable[[], str]
    required: str
    headline: str
    advice: str

    def ask(self) -> None:
        """Skip the test where something is missing; where it is required, fail it."""
        lacking = self.lacking()
        if lacking and os.environ.get(self.required) == "1":
            pytest.fail(f"{self._complaint}{lacking}", pytrace=False)
        if lacking:
            pytest.skip(f"{self._complaint}{lacking}")

    def summarise(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say at the end what was not run, and how to have it run."""
        skipped = terminalreporter.stats.get("skipped", [])
        left_out = [report for report in skipped if self._complaint in str(report.longrepr)]
        if left_out:
            terminalreporter.section(self.headline, sep="!", red=True)
            terminalreporter.line(f"{len(left_out)} tests could not run: {self.lacking()}. {self.advice}")

    @property
    def _complaint(self) -> str:
        return f"no {self.name}: "


def not_found(tools: list[str]) -> str:
    """What to say of `tools` that are missing; empty when none is."""
    return f"{' and '.join(tools)} not found" if tools else ""
