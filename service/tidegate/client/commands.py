"""Commands, and what became of them."""

import secrets
from http import HTTPStatus
from typing import Final

from tidegate.client.errors import OutcomeUnknownError, RequestRefusedError
from tidegate.client.retry import Patience, Retry
from tidegate.client.route import Route
from tidegate.client.wire import IDEMPOTENCY_KEY, Wire
from tidegate.contracts.command import Command
from tidegate.contracts.ids import CommandId
from tidegate.contracts.rest import CommandReceipt, TopologyReceipt
from tidegate.contracts.views import CommandStatus, CommandView

# The id in the body makes a repeat recognisable.
_SEND: Final = Route("POST", "/v1/commands", harmless_twice=True)
_GET: Final = Route("GET", "/v1/commands/{command}")


class Commands:
    """`/v1/commands`."""

    def __init__(self, wire: Wire, retry: Retry) -> None:
        self._wire = wire
        self._retry = retry

    async def send(self, command: Command) -> CommandReceipt:
        """Put `command` on the log; returns once it is durable. `wait_for_outcome` says what became of it."""
        return await self._wire.ask(_SEND, CommandReceipt, body=command)

    async def get(self, command: str) -> CommandView:
        """One command and what became of it so far."""
        return await self._wire.ask(_GET, CommandView, {"command": command})

    async def wait_for_outcome(self, command: CommandReceipt | TopologyReceipt | str, *, seconds: float = 30.0) -> CommandView:
        """The command once it is accepted or refused, which `status` says; `reason` says why not.

        Raises:
            OutcomeUnknownError: nobody decided it within `seconds`; it stays on the log and will be.
            ProblemError: the service refused the question, or failed.
        """
        identifier = command if isinstance(command, str) else command.id
        patience = Patience(Retry(seconds, seconds, self._retry.pause, self._retry.monotonic, self._retry.chance))
        while True:
            view = await self._known(identifier)
            if view is not None and view.status is not CommandStatus.PENDING:
                return view
            if not await patience.is_left(reached=True):
                raise OutcomeUnknownError(
                    f"command {identifier!r} was not decided within {seconds:g} s",
                    advice="the site's worker may be down; ask again",
                )

    async def _known(self, identifier: str) -> CommandView | None:
        """None while the read model has not come to it yet."""
        try:
            return await self.get(identifier)
        except RequestRefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None


def new_key() -> CommandId:
    """A fresh idempotency key; 128 random bits."""
    return CommandId(secrets.token_hex(16))


def keyed(key: str | None) -> dict[str, str]:
    """The header that makes a command's repeat recognisable; with a fresh key when `key` is None, so that we may repeat it."""
    return {IDEMPOTENCY_KEY: key or new_key()}
