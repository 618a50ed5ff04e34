"""AsyncAPI's own parser, installed by npm into the user's cache the first time.

Where Node and npm are missing the tests of it are skipped, and the summary says so; with `TIDEGATE_REQUIRE_ASYNCAPI=1`, as
in CI, they fail instead.
"""

import os

import pytest

from validator import missing_tools


@pytest.fixture(scope="session")
def parser() -> None:
    """Asks for the parser: without it the test is skipped, or fails."""
    lacking = " and ".join(missing_tools())
    if lacking and os.environ.get("TIDEGATE_REQUIRE_ASYNCAPI") == "1":
        pytest.fail(f"no parser: {lacking} not found", pytrace=False)
    if lacking:
        pytest.skip(f"no parser: {lacking} not found")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if "no parser:" in str(report.longrepr)]
    if left_out:
        terminalreporter.section("ASYNCAPI DESCRIPTION NOT VALIDATED", sep="!", red=True)
        terminalreporter.line(f"{len(left_out)} tests need Node 18 and npm: {' and '.join(missing_tools())} not found.")
