"""The client itself: one connection pool, one group of methods per resource."""

from types import TracebackType
from typing import Final, Self

import httpx

from tidegate.client.access import Access
from tidegate.client.anomalies import Anomalies, Incidents
from tidegate.client.commands import Commands
from tidegate.client.configuration import Bundles, Configuration, Profiles
from tidegate.client.devices import Devices
from tidegate.client.letters import DeadLetters
from tidegate.client.maintenance import Maintenance
from tidegate.client.operation import Operation
from tidegate.client.orders import Orders
from tidegate.client.plans import Plans
from tidegate.client.readings import Acks, Readings
from tidegate.client.retry import Retry
from tidegate.client.scores import Scores
from tidegate.client.sites import Assignments, Sites
from tidegate.client.stream import Stream
from tidegate.client.studies import Studies
from tidegate.client.topologies import Topologies
from tidegate.client.wire import Wire, open_http

DEFAULT_URL: Final = "http://127.0.0.1:8080"
"""Where `tidegate serve` listens unless told otherwise."""

ANSWER_SECONDS: Final = 10.0
"""Seconds to wait for a connection, and for each part of an answer."""


class TidegateClient:
    """The service at `url`. An async context manager; may be used by many tasks at once.

    `token` is an API key or bearer token, by default from TIDEGATE_TOKEN; it goes to this service alone, for redirects are not
    followed. Proxies named by the environment are used only with `proxies`. Every method raises `ProblemError` when the service
    refuses or fails, `UnreachableError` when nobody answers, `ForeignAnswerError` when it is not Tidegate who does.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout_seconds: float = ANSWER_SECONDS,
        retry: Retry | None = None,
        proxies: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Open no connection yet. `transport` is for tests and for applications in the same process.

        Raises:
            ConfigurationError: `url` is no http or https address, or `token` is nothing that can be sent.
        """
        patient = retry or Retry()
        self._http = open_http(url, token, timeout_seconds, proxies, transport)
        self.url = url.rstrip("/")
        wire = Wire(self._http, self.url, patient)
        self.readings = Readings(wire)
        self.acks = Acks(wire)
        self.devices = Devices(wire)
        self.anomalies = Anomalies(wire)
        self.incidents = Incidents(wire)
        self.scores = Scores(wire)
        self.maintenance = Maintenance(wire)
        self.sites = Sites(wire)
        self.assignments = Assignments(wire)
        self.topologies = Topologies(wire)
        self.orders = Orders(wire)
        self.studies = Studies(wire)
        self.commands = Commands(wire, patient)
        self.plans = Plans(wire)
        self.dead_letters = DeadLetters(wire)
        self.stream = Stream(wire, patient)
        self.access = Access(wire)
        self.configuration = Configuration(wire)
        self.profiles = Profiles(wire)
        self.bundles = Bundles(wire)
        self.operation = Operation(wire)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def close(self) -> None:
        """Close the connections. Idempotent; leaving the context does it, too."""
        await self._http.aclose()
