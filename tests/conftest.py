"""A real Kafka broker for the tests marked `kafka`: one for the session, started when the first of them needs it.

`TIDEGATE_TEST_KAFKA=host:port` names one that runs already. Where there is neither that nor Java, these tests are skipped,
and the summary says so; with `TIDEGATE_REQUIRE_KAFKA=1`, as in CI, they fail instead.
"""

import os
from collections.abc import Iterator

import pytest

from broker import Broker, Security, brokers, missing_tools
from certificates import PASSWORD, USER, SecuredBroker, make_certificates
from needs import Need, not_found

BROKER = Need(
    "broker",
    lambda: "" if os.environ.get("TIDEGATE_TEST_KAFKA") else not_found(missing_tools()),
    "TIDEGATE_REQUIRE_KAFKA",
    "NOT RUN AGAINST KAFKA",
    "Install Java 17 and Maven, or run one (make kafka) and set TIDEGATE_TEST_KAFKA=host:port.",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests of the broker in one process: one broker is enough for this machine."""
    for item in items:
        if item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.xdist_group("kafka"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("kafka"):
        BROKER.ask()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    BROKER.summarise(terminalreporter)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Address of a running broker."""
    running = os.environ.get("TIDEGATE_TEST_KAFKA")
    if running:
        yield running
        return
    with brokers() as made:
        yield made[0].address


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """A broker with every secured listener, and the certificates to meet it with."""
    files = make_certificates(tmp_path_factory.mktemp("certificates"))
    with brokers(security=Security(files.broker, files.authority, {USER: PASSWORD})) as made:
        yield SecuredBroker(made[0], files)


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A broker that the test may stop, kill and start again; nobody else uses it."""
    with brokers() as made:
        yield made[0]
