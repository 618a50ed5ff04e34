"""What commands share that give an order: who gives it, why and under which key, and how they say what became of it."""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Final

import typer

from tidegate.cli.asking import DOOR, Json, Token, Url, ask
from tidegate.cli.exits import FAILED
from tidegate.cli.output import say, show
from tidegate.client import TidegateClient
from tidegate.contracts.configuration_views import ProfilesReceipt
from tidegate.contracts.rest import CommandReceipt, Order, TopologyReceipt
from tidegate.contracts.views import CommandStatus, CommandView

Receipt = CommandReceipt | TopologyReceipt | ProfilesReceipt
"""What the door gives for a command; all of them name it."""

Giving = Callable[[TidegateClient], Coroutine[Any, Any, Receipt]]
"""Gives an order to a service."""

By = Annotated[str, typer.Option("--by", help="Who asks; with access control it is whoever the credential says.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept with the command.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Idempotency key: a repeat under the same key has no second effect.", show_default=False),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the site's worker has decided.")]

NOBODY: Final = "anonymous"
"""Who asks when nobody is named."""

OUTCOME_SECONDS: Final = 30.0
"""Seconds to wait for what became of a command; a worker that is up needs well under one."""

COMMAND_EXITS: Final = """
Exit codes: 0 accepted (with --no-wait: taken), 1 refused by the site's worker, 2 the command line cannot be used or the service
refuses it, 3 the service cannot be reached or failed, or nobody decided within 30 s.
"""


@dataclass(frozen=True, slots=True)
class Given:
    """What comes with every order: `by` whom it is given, why, and under which idempotency key."""

    by: str
    reason: str
    key: str | None

    @property
    def order(self) -> Order:
        """The body of a request that says nothing else."""
        return Order(self.reason, self.by)


def gives_order(prepare: Callable[Concatenate[Given, ...], Giving]) -> Callable[..., None]:
    """The command that gives the order `prepare` makes of its own parameters; after them come the options of every order."""

    def give(
        by: By = NOBODY,
        reason: Why = "",
        key: Key = None,
        wait: Wait = True,
        url: Url = DOOR,
        token: Token = None,
        as_json: Json = False,
        **own: Any,
    ) -> None:
        command(url, token, as_json, wait, prepare(Given(by, reason, key), **own))

    _, *own = inspect.signature(prepare).parameters.values()
    *every, _ = inspect.signature(give).parameters.values()
    give.__name__, give.__doc__ = prepare.__name__, prepare.__doc__
    give.__annotations__ = {each.name: each.annotation for each in (*own, *every)}
    vars(give)["__signature__"] = inspect.Signature([*own, *every])  # what typer reads
    return give


def command(url: str, token: str | None, as_json: bool, wait: bool, give: Giving) -> None:
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
