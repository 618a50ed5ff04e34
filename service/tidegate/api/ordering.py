"""Orders through the door: a small body that says who and why, and the command that it becomes."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response

from tidegate.api.answers import as_json
from tidegate.api.bodies import json_body
from tidegate.api.commanding import issue
from tidegate.api.dependencies import Door
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import SiteId
from tidegate.contracts.rest import Order, Replacement


async def order_in(request: Request, door: Door) -> Order:
    """The order in the body of `request`. Raises as `json_body` and `decode`."""
    async with json_body(request, door) as body:
        return decode(body, Order)


async def replacement_in(request: Request, door: Door) -> Replacement:
    """The replacement in the body of `request`. Raises as `json_body` and `decode`."""
    async with json_body(request, door) as body:
        return decode(body, Replacement)


async def obey(door: Door, order: Order, site: SiteId, kind: CommandKind, **fields: Any) -> Response:
    """Put `order` on the log as a command of `kind` with `fields`, and answer with the receipt. Raises as `issue`."""
    return await answer(Command(door.ports.new_command_id(), site, kind, order.issued_by, order.reason, **fields), door)


async def answer(command: Command, door: Door) -> Response:
    """Put `command` on the log, and answer with the receipt and where its outcome will be. Raises as `issue`."""
    receipt = await issue(command, door.ports)
    return as_json(receipt, HTTPStatus.ACCEPTED, {"location": quote(receipt.outcome)})
