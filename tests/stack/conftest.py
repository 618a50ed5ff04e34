"""Prometheus and Alertmanager as they are, around a real service with a simulated fleet: what operators look at.

Where the two are missing these tests are skipped, and the summary says so; with `TIDEGATE_REQUIRE_STACK=1`, as in CI, they
fail instead. Debian's packages `prometheus` and `prometheus-alertmanager` have them.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from needs import Need, not_found
from stack_rig import Stack, running_stack

TOOLS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")


SERVERS = Need(
    "stack",
    lambda: not_found([tool for tool in TOOLS if shutil.which(tool) is None]),
    "TIDEGATE_REQUIRE_STACK",
    "DASHBOARDS AND ALERTS NOT TESTED",
    "apt-get install prometheus prometheus-alertmanager",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("stack"))


def pytest_runtest_setup() -> None:
    SERVERS.ask()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    SERVERS.summarise(terminalreporter)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests here; it takes a fleet a minute to have something to show."""
    with ExitStack() as closing:
        yield running_stack(tmp_path_factory.mktemp("stack"), closing)
