"""For whoever keeps the service running: is it well, how far is it, what does it count."""

import asyncio
from typing import Final

from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.rest import Summary
from tidegate.contracts.views import Health, PartitionView
from tidegate.errors import DependencyError

ASK_AGAIN_SECONDS: Final = 0.2
"""Seconds between two questions while the service starts."""

_SUMMARY: Final = Route("GET", "/v1/summary")
_LIVENESS: Final = Route("GET", "/healthz")
_READINESS: Final = Route("GET", "/readyz")
_PARTITIONS: Final = Route("GET", "/v1/partitions")
_METRICS: Final = Route("GET", "/metrics")

_UNWELL: Final = frozenset({503})
"""An unwell service answers its health with this status and the same body."""


class Operation:
    """`/v1/summary`, health, partitions and metrics."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def summary(self) -> Summary:
        """The whole service at a glance."""
        return await self._wire.ask(_SUMMARY, Summary)

    async def liveness(self) -> Health:
        """Whether the process works at all."""
        return await self._health(_LIVENESS)

    async def readiness(self) -> Health:
        """Whether the service makes progress, with reasons when not."""
        return await self._health(_READINESS)

    async def partitions(self, *, digest: bool = False) -> list[PartitionView]:
        """The partitions that the process works; with `digest` a pass over each state."""
        return await self._wire.ask(_PARTITIONS, list[PartitionView], query={"digest": digest})

    async def metrics(self) -> str:
        """All metrics in the Prometheus text format."""
        return (await self._wire.send(_METRICS)).text

    async def wait_until_ready(self, patience_seconds: float) -> None:
        """Return once the service makes progress.

        Raises:
            DependencyError: it did not within `patience_seconds`; the message says what was in the way at last.
        """
        obstacle = "it was not asked yet"
        try:
            async with asyncio.timeout(patience_seconds):
                while True:
                    try:
                        health = await self.readiness()
                    except DependencyError as error:
                        obstacle = error.message
                    else:
                        if health.ready:
                            return
                        obstacle = "; ".join(health.reasons)
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
        except TimeoutError:
            raise DependencyError(
                f"{self._wire.url} is not ready after {patience_seconds:g} s: {obstacle}", advice="start it with `tidegate serve`"
            ) from None

    async def _health(self, route: Route) -> Health:
        return self._wire.read(await self._wire.send(route, also=_UNWELL), Health)
