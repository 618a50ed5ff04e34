"""What commands share that ask a running service: where it is, who asks, how answers are shown, how commands are given."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, TypeVar

import typer

from tidegate.cli.exits import FAILED
from tidegate.cli.output import say, show
from tidegate.client import Retry, TidegateClient
from tidegate.client.client import ANSWER_SECONDS, DEFAULT_URL
from tidegate.contracts.configuration_views import ProfilesReceipt
from tidegate.contracts.rest import CommandReceipt, TopologyReceipt
from tidegate.contracts.views import CommandStatus, CommandView

T = TypeVar("T")

Receipt = CommandReceipt | TopologyReceipt | ProfilesReceipt
"""What the door gives for a command; all of them name it."""

Url = Annotated[str, typer.Option(envvar="TIDEGATE_URL", help="Base URL of the service.")]
Token = Annotated[
    str | None,
    typer.Option(envvar="TIDEGATE_TOKEN", help="API key or bearer token.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")]
Site = Annotated[str, typer.Argument(help="Site id.", show_default=False)]
OnlySite = Annotated[str | None, typer.Option("--site", help="Only this site.")]

By = Annotated[str, typer.Option("--by", help="Who asks; with access control it is whoever the credential says.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the command.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Idempotency key: a repeat under the same key has no second effect.", show_default=False),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the site's worker has decided.")]

DOOR: Final = DEFAULT_URL

NOBODY: Final = "anonymous"
"""Who asks when nobody is named."""

OUTCOME_SECONDS: Final = 30.0
"""Seconds to wait for what became of a command; a worker that is up needs well under one."""

PATIENCE: Final = Retry(busy_seconds=30.0, unreachable_seconds=0.0)
"""A service that is behind is asked again; one that is not there is said to be not there at once."""

EXITS: Final = """
Exit codes: 0 done, 2 the command line cannot be used or the service refuses it, 3 the service cannot be reached or failed.
"""

COMMAND_EXITS: Final = """
Exit codes: 0 accepted (with --no-wait: taken), 1 refused by the site's worker, 2 the command line cannot be used or the service
refuses it, 3 the service cannot be reached or failed, or nobody decided within 30 s.
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


def command(
    url: str,
    token: str | None,
    as_json: bool,
    wait: bool,
    give: Callable[[TidegateClient], Coroutine[Any, Any, Receipt]],
) -> None:
    """Give a command, and say what became of it. Exits with 1 when the worker refused it."""

    async def giving(client: TidegateClient) -> Receipt | CommandView:
        receipt = await give(client)
        return await client.commands.wait_for_outcome(receipt.id, seconds=OUTCOME_SECONDS) if wait else receipt

    result = ask(url, token, giving)
    show(result, as_json, lambda: say(_outcome(result)))
    if isinstance(result, CommandView) and result.status is CommandStatus.REFUSED:
        raise typer.Exit(FAILED)


def _outcome(result: Receipt | CommandView) -> str:
    if not isinstance(result, CommandView):
        return f"taken: {result.kind} at {result.site}, command {result.id}"
    why = f": {result.reason}" if result.reason else ""
    return f"{result.status}: {result.kind} at {result.site}, command {result.id}{why}"
