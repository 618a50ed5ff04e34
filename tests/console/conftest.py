"""The console as a visitor meets it: a real service with a simulated fleet, seen through headless Chromium.

Where there is no Chromium these tests are skipped, and the summary says so; with `TIDEGATE_REQUIRE_CHROMIUM=1`, as in CI, they
fail instead. Every page that is opened is watched: an error in a script, or a request to any other host, fails the test.
"""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from browsing import PATIENCE_MS, Browser, browser
from needs import Need, not_found

CHROMIUM = Need(
    "browser",
    lambda: not_found([tool for tool in ("chromium",) if shutil.which(tool) is None]),
    "TIDEGATE_REQUIRE_CHROMIUM",
    "CONSOLE NOT TESTED",
    "apt-get install chromium",
)


def pytest_runtest_setup() -> None:
    CHROMIUM.ask()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    CHROMIUM.summarise(terminalreporter)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for the session: Playwright's synchronous door keeps an event loop running in this thread; others start theirs."""
    expect.set_options(timeout=PATIENCE_MS)
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh visitor's page; at its end nothing must have gone wrong in it."""
    with chromium.visit() as opened:
        yield opened
