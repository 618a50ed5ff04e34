"""A command's id as the key that makes it recognisable: same key and same command, one effect and one answer.

What was asked under a key is known from the read model, and of the last moments from this process's own memory. Where another
process took the first request a moment ago, the worker still lets only the first command of an id have an effect.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request

from tidegate.api.errors import KeyReusedError
from tidegate.contracts.command import Command, command_digest
from tidegate.contracts.ids import MAX_ID_LENGTH, CommandId, is_clean
from tidegate.contracts.views import CommandStatus, CommandView
from tidegate.errors import InputError
from tidegate.ports import Views

HEADER: Final = "idempotency-key"

PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Makes the request safe to send again: it becomes the command's id. The same key with the same command gives the same "
        "receipt and has one effect; with another command it is refused (409)."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
    "example": "shift-2-drain-gw-a",
}
"""How OpenAPI describes it."""

REMEMBERED: Final = 10_000
"""Commands. The read model follows within a second, at a thousand commands a second."""


def key_of(request: Request) -> CommandId | None:
    """The key that `request` carries.

    Raises:
        InputError: it cannot be the id of a command.
    """
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    if len(values) > 1 or not is_clean(values[0]):
        raise InputError(
            f"Idempotency-Key is {', '.join(values)[:200]!r}, expected one of 1 to {MAX_ID_LENGTH} printable characters",
            advice="a UUID will do",
        )
    return CommandId(values[0])


@dataclass(slots=True)
class RecentCommands:
    """What was asked under the ids of the last moments, and whether it is durable."""

    _asked: OrderedDict[CommandId, CommandView] = field(default_factory=OrderedDict)
    _durable: set[CommandId] = field(default_factory=set)

    def view(self, command: str) -> CommandView | None:
        """The command as it was taken, pending; for the moment in which the read model has not come to it yet."""
        return self._asked.get(CommandId(command)) if command in self._durable else None

    async def claim(self, command: Command, views: Views) -> bool:
        """Take the id for this command; True when the very same command is durable under it already.

        Raises:
            KeyReusedError: another command has the id.
        """
        asked = command_digest(command)
        view = self._asked.get(command.id)
        durable = command.id in self._durable
        if view is None:
            view = await views.command(command.id)
            durable = view is not None and bool(view.digest)
        if view is not None and view.digest not in ("", asked):
            raise KeyReusedError(
                f"id {command.id!r} is another command's already, nothing was done",
                advice="take a new Idempotency-Key, or send the first command again as it was",
            )
        pending = CommandView(command.id, command.site, command.kind, command.issued_by, CommandStatus.PENDING, digest=asked)
        if self._asked.setdefault(command.id, pending).digest != asked:
            raise KeyReusedError(f"id {command.id!r} was taken by another command meanwhile", advice="take a new Idempotency-Key")
        if len(self._asked) > REMEMBERED:
            self._durable.discard(self._asked.popitem(last=False)[0])
        return durable

    def durable(self, command: CommandId) -> None:
        """Remember that the command was appended."""
        if command in self._asked:
            self._durable.add(command)
