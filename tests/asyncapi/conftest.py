"""AsyncAPI's own parser, installed by npm into the user's cache the first time.

Where Node and npm are missing the tests of it are skipped, and the summary says so; with `TIDEGATE_REQUIRE_ASYNCAPI=1`, as
in CI, they fail instead.
"""

import pytest

from needs import Need, not_found
from validator import missing_tools

PARSER = Need(
    "parser",
    lambda: not_found(missing_tools()),
    "TIDEGATE_REQUIRE_ASYNCAPI",
    "ASYNCAPI DESCRIPTION NOT VALIDATED",
    "Install Node 18 or newer, with npm.",
)


@pytest.fixture(scope="session")
def parser() -> None:
    """Asks for the parser: without it the test is skipped, or fails."""
    PARSER.ask()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    PARSER.summarise(terminalreporter)
