"""Commands through the door: checked as far as can be without state, then appended to their site's partition."""

from dataclasses import replace
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter, ValidationError

from tidegate.api.access.auditing import Deed
from tidegate.api.access.rules import command_role
from tidegate.api.dependencies import ApiDependencies
from tidegate.api.errors import ForbiddenError
from tidegate.contracts import topics
from tidegate.contracts.access import Role
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind, check_command
from tidegate.contracts.ids import CommandId, is_clean
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.rest import CommandReceipt
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import InputError, SchemaVersionError
from tidegate.ports import Outgoing

_COMMANDS: Final = TypeAdapter(Command)


def parse_command(body: bytes, fallback_id: CommandId) -> Command:
    """The command in `body`; one without an id gets `fallback_id`.

    Raises:
        InputError: not JSON, a wrong, missing or unusable field.
        SchemaVersionError: a version this release does not know.
    """
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
        document.setdefault("id", fallback_id)
        command = _COMMANDS.validate_json(msgspec.json.encode(document), strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InputError(f"not a valid Command: {error}") from error
    except ValidationError as error:
        raise InputError(_explain(error), advice="GET /docs shows an example of each kind") from error
    if command.schema_version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"expected schema version {SCHEMA_VERSION}, got {command.schema_version} - at `$.schema_version`"
        )
    return command


async def issue(command: Command, ports: ApiDependencies) -> CommandReceipt:
    """Append `command` for the worker that owns its site, on record; the worker decides, and says so at `outcome`.

    The second command of an id is not appended when it is the same; then the receipt is.

    With access control on it is issued by whoever the credential says, whatever the body claims.

    Raises:
        RoleMissingError: the caller may not send this command to this site.
        ForbiddenError: a kind that is not taken by REST.
        InputError: a field is missing, names another site, or an identifier is not clean.
        KeyReusedError: another command has this id.
        AllocationError: the topology breaks a rule of its own.
    """
    role = command_role(command.kind)
    ports.caller.demand(role, command.site)
    if ports.access.on:
        command = replace(command, issued_by=ports.caller.principal.name)
    if command.kind is CommandKind.SUBMIT_PLAN:
        raise ForbiddenError(f"{command.kind} is the planner's own and not taken here", advice="send request-plan instead")
    for name, identifier in (("site", command.site), ("id", command.id)):
        if not is_clean(identifier):
            raise InputError(f"{name} {identifier!r} has control characters or surrounding blanks - at `$.{name}`")
    check_command(command)
    if ports.key not in (None, command.id):
        raise InputError(
            f"id {command.id!r} is not the Idempotency-Key {ports.key!r} - at `$.id`", advice="leave one of them out"
        )
    if await ports.recent.claim(command, ports.views):
        return _receipt(command)
    deed = Deed(command.kind, command.site, command.id, command.issued_by)
    await ports.auditor.before(ports.caller, deed, must=role is Role.ADMIN)
    partition = partition_of(command.site, ports.log.partitions)
    record = Outgoing(topics.COMMANDS, partition, command.site.encode(), encode(command))
    await ports.append([record])
    ports.recent.durable(command.id)
    return _receipt(command)


def _receipt(command: Command) -> CommandReceipt:
    return CommandReceipt(command.id, command.site, command.kind, outcome=f"/v1/commands/{command.id}")


def _explain(error: ValidationError) -> str:
    """The first thing wrong, in the words and with the path a decoder of ours would use."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    more = error.error_count() - 1
    return f"not a valid Command: {first['msg']}{f' (and {more} more)' if more else ''} - at `${path}`"
