"""Speaks to the door as any producer would: at least once, in order, patient while the service is down or full."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from tidegate.contracts.codec import decode, encode
from tidegate.contracts.command import Command
from tidegate.errors import DependencyError

RETRY_SECONDS: Final = 0.2
"""Between two tries while the door is closed or says it is full."""

PATIENCE_SECONDS: Final = 300.0
"""For one request, over restarts."""


@dataclass(slots=True)
class Sent:
    """What was sent: `readings` counted once, `repeats` of requests (on purpose, or the answer never came), `full` refusals.

    `next_offset` is where on the log the next reading will be at the earliest.
    """

    readings: int = 0
    repeats: int = 0
    full: int = 0
    next_offset: int = 0


class Door:
    """One service's REST door. Requests of one caller go one after the other, so a site's order is kept."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """A door with connections of its own."""
        async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
            yield cls(client)

    async def send(self, bodies: Iterable[tuple[int, bytes]], sent: Sent, readings_per_second: float | None = None) -> None:
        """POST `bodies` in order, each until it is accepted; at most `readings_per_second` when given."""
        began, before = time.perf_counter(), sent.readings
        for count, body in bodies:
            if readings_per_second is not None:
                due = began + (sent.readings - before) / readings_per_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            receipt = await self._post("/v1/readings", body, sent)
            sent.readings += count
            sent.next_offset = receipt["offset"] + 1

    async def send_again(self, bodies: Iterable[tuple[int, bytes]], sent: Sent) -> None:
        """POST `bodies` that were accepted before; they count as sent readings only once."""
        for _, body in bodies:
            sent.repeats += 1
            await self._post("/v1/readings", body, sent)

    async def command(self, command: Command) -> None:
        """POST `command`."""
        await self._post("/v1/commands", encode(command), Sent())

    async def get(self, path: str, **parameters: str | int) -> Any:
        """What the door says at `path`, as plain values."""
        answer = await self._client.get(path, params=parameters)
        if not answer.is_success:
            raise DependencyError(f"GET {path} answered {answer.status_code}: {answer.text[:300]}")
        return decode(answer.content, dict[str, Any])

    async def everything(self, path: str, **parameters: str | int) -> list[Any]:
        """All items of the list at `path`, page by page."""
        items: list[Any] = []
        page = await self.get(path, limit=1000, **parameters)
        while True:
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            page = await self.get(path, limit=1000, cursor=page["next_cursor"], **parameters)

    async def _post(self, path: str, body: bytes, sent: Sent) -> dict[str, Any]:
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while time.perf_counter() < deadline:
            try:
                answer = await self._client.post(path, content=body, headers={"content-type": "application/json"})
            except httpx.TransportError:
                sent.repeats += 1
            else:
                if answer.is_success:
                    return decode(answer.content, dict[str, Any])
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise DependencyError(f"POST {path} answered {answer.status_code}: {answer.text[:300]}")
                sent.full += 1
            await asyncio.sleep(RETRY_SECONDS)
        raise DependencyError(f"POST {path} was not accepted within {PATIENCE_SECONDS:g} s")
