"""What commands share that ask a running service: where it is, who asks, how answers are shown."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, TypeVar

import typer

from tidegate.client import Retry, TidegateClient
from tidegate.client.client import ANSWER_SECONDS, DEFAULT_URL

T = TypeVar("T")

Url = Annotated[str, typer.Option(envvar="TIDEGATE_URL", help="Base URL of the service.")]
Token = Annotated[
    str | None,
    typer.Option(envvar="TIDEGATE_TOKEN", help="API key or bearer token.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")]
Site = Annotated[str, typer.Argument(help="Site id.", show_default=False)]
OnlySite = Annotated[str | None, typer.Option("--site", help="Only this site.")]

DOOR: Final = DEFAULT_URL

PATIENCE: Final = Retry(busy_seconds=30.0, unreachable_seconds=0.0)
"""A service that is behind is asked again; one that is not there is said to be not there at once."""

EXITS: Final = """
Exit codes: 0 done, 2 the command line cannot be used or the service refuses it, 3 the service cannot be reached or failed.
"""


def ask(
    url: str,
    token: str | None,
    work: Callable[[TidegateClient], Coroutine[Any, Any, T]],
    seconds: float = ANSWER_SECONDS,
) -> T:
    """What `work` returns of the service at `url`, each answer of which may take `seconds`. Raises as the client does."""

    async def asking() -> T:
        async with TidegateClient(url, token=token or "", timeout_seconds=seconds, retry=PATIENCE) as client:
            return await work(client)

    return asyncio.run(asking())
