"""Questions to a running service over HTTP, for commands that look at it from outside."""

import asyncio
from typing import Final

import httpx

from tidegate.contracts.codec import decode
from tidegate.contracts.rest import Summary
from tidegate.contracts.views import Health
from tidegate.errors import DependencyError, InputError

ANSWER_SECONDS: Final = 5.0
"""Seconds to wait for one answer; a summary takes milliseconds."""

ASK_AGAIN_SECONDS: Final = 0.2
"""Seconds between two questions while the service starts."""


class ServiceClient:
    """One service at `url`. An async context manager; goes to the service directly, never through a proxy."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.url, timeout=ANSWER_SECONDS, trust_env=False)

    async def __aenter__(self) -> "ServiceClient":
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def summary(self) -> Summary:
        """The whole service at a glance.

        Raises:
            DependencyError: no answer, or not one of a Tidegate of this release.
        """
        response = await self._get("/v1/summary")
        if response.status_code != httpx.codes.OK:
            raise DependencyError(f"{self.url}/v1/summary answered {response.status_code}: {response.text[:200]}")
        try:
            return decode(response.content, Summary)
        except InputError as error:
            raise DependencyError(f"{self.url} does not answer like a Tidegate of this release: {error.message}") from error

    async def health(self) -> Health:
        """Readiness, with reasons when it is not.

        Raises:
            DependencyError: no answer, or not one of a Tidegate.
        """
        try:
            return decode((await self._get("/readyz")).content, Health)
        except InputError as error:
            raise DependencyError(f"{self.url}/readyz is not a Tidegate's: {error.message}") from error

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
                        health = await self.health()
                    except DependencyError as error:
                        obstacle = error.message
                    else:
                        if health.ready:
                            return
                        obstacle = "; ".join(health.reasons)
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
        except TimeoutError:
            raise DependencyError(
                f"{self.url} is not ready after {patience_seconds:g} s: {obstacle}", advice="start it with `tidegate serve`"
            ) from None

    async def _get(self, path: str) -> httpx.Response:
        try:
            return await self._http.get(path)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DependencyError(f"no answer from {self.url}: {error or type(error).__name__}") from error
