"""Real servers for the tests marked `kafka` and `postgres`: one of each for the session, started when one first needs it.

`TIDEGATE_TEST_KAFKA=host:port` names a broker that runs already. Where there is neither that nor Java, or no PostgreSQL, these
tests are skipped, and the summary says so; with `TIDEGATE_REQUIRE_KAFKA=1` and `TIDEGATE_REQUIRE_POSTGRES=1`, as in CI, they
fail instead.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import Broker, Security, brokers, missing_tools
from certificates import PASSWORD, USER, SecuredBroker, make_certificates
from needs import Need, not_found
from postgres import Postgres, missing_programs, postgres_server
from support.joint import joint_folder

BROKER = Need(
    "broker",
    lambda: "" if os.environ.get("TIDEGATE_TEST_KAFKA") else not_found(missing_tools()),
    "TIDEGATE_REQUIRE_KAFKA",
    "NOT RUN AGAINST KAFKA",
    "Install Java 17 and Maven, or run one (make kafka) and set TIDEGATE_TEST_KAFKA=host:port.",
)

POSTGRES = Need(
    "PostgreSQL",
    lambda: not_found(missing_programs()),
    "TIDEGATE_REQUIRE_POSTGRES",
    "NOT RUN AGAINST POSTGRESQL",
    "Install Debian's postgresql-15, or say in TIDEGATE_TEST_POSTGRES where its programs are.",
)


def pytest_collection_finish() -> None:
    """What imports left behind stays for good: each full collection of garbage would look through all of it again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("kafka"):
        BROKER.ask()
    if item.get_closest_marker("postgres"):
        POSTGRES.ask()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    BROKER.summarise(terminalreporter)
    POSTGRES.summarise(terminalreporter)


@pytest.fixture(scope="session")
def joint_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a bundle that forecasts the metrics of `support.joint` together, as `tidegate train profile` makes it."""
    return joint_folder(tmp_path_factory)


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server; take a `new_database` of it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that the test may stop, kill and start again; nobody else uses it."""
    with postgres_server() as server:
        yield server
