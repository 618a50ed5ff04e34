"""The service's public REST door as a sink: readings and commands in, assignments out.

Waits and tries again while the service is full (with its Retry-After) or not reachable, up to a stated patience; a refusal
of what was said is final.
"""

from collections.abc import Sequence
from typing import Final

import httpx

from tidegate.client import Retry, TidegateClient
from tidegate.contracts.command import Command
from tidegate.contracts.ids import SiteId
from tidegate.contracts.plan import Assignment
from tidegate.contracts.reading import ReadingBatch
from tidegate.fleet.forms import Form, messages

PATIENT: Final = Retry(busy_seconds=30.0, unreachable_seconds=30.0)
"""The service takes about 5 s to start and less to drain a full queue."""


class RestDoor:
    """Sink and feedback over HTTP. One request at a time per caller keeps the order of a device's readings."""

    def __init__(
        self,
        url: str,
        form: Form = Form.BATCH,
        *,
        token: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: Retry = PATIENT,
    ) -> None:
        """Point at `url`, such as http://127.0.0.1:8080, and send readings in `form`. Opens no connection yet.

        Raises:
            ConfigurationError: `url` is not an http or https address.
        """
        self._form = form
        self._client = TidegateClient(url, token=token, retry=retry, transport=transport)

    async def send(self, batch: ReadingBatch) -> None:
        """Post one batch; see `Sink.send`."""
        content_type, bodies = messages(batch, self._form)
        for body in bodies:
            await self._client.readings.send_encoded(body, content_type)

    async def command(self, command: Command) -> None:
        """Post one command; see `Sink.command`."""
        await self._client.commands.send(command)

    async def assignments(self, site: SiteId) -> Sequence[Assignment]:
        """Get the assignments of `site`, page by page; see `Feedback.assignments`."""
        return await self._client.assignments.of_site(site).all()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
