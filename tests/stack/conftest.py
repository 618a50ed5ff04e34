"""The compose file's stack as it is, but for containers: what operators look at, and who tells them.

Where a tool is missing these tests are skipped, and the summary says so; with `TIDEGATE_REQUIRE_STACK=1`, as in CI, they fail
instead. Debian's packages `prometheus`, `prometheus-alertmanager` and `postgresql` have them; Kafka is `deploy/kafka`'s.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker import missing_tools
from compose import Stack
from needs import Need, not_found
from postgres import missing_programs

TOOLS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")


def _lacking() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool) is None] + missing_programs() + missing_tools()


SERVERS = Need(
    "stack",
    lambda: not_found(_lacking()),
    "TIDEGATE_REQUIRE_STACK",
    "DASHBOARDS AND ALERTS NOT TESTED",
    "apt-get install prometheus prometheus-alertmanager postgresql, and Java 17 with Maven",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack-results", type=Path, default=None, help="results file of the stack's tests (JSON; its page beside it)"
    )


def pytest_runtest_setup() -> None:
    SERVERS.ask()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    SERVERS.summarise(terminalreporter)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests here; it takes a fleet a minute to have something to show."""
    with ExitStack() as closing:
        stack = Stack(tmp_path_factory.mktemp("stack"), closing)
        stack.up()
        yield stack
