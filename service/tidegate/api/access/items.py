"""Whose a thing is that a path names by its id alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tidegate.api.letters import read_letter
from tidegate.ports import Log, Views

Lookup = Callable[[Views, Log, str], Awaitable[str | None]]


async def _of_anomaly(views: Views, _: Log, identifier: str) -> str | None:
    found = await views.anomaly(identifier)
    return None if found is None else found.site


async def _of_incident(views: Views, _: Log, identifier: str) -> str | None:
    found = await views.incident(identifier)
    return None if found is None else found.site


async def _of_plan(views: Views, _: Log, identifier: str) -> str | None:
    found = await views.decision(identifier)
    return None if found is None else found.decision.site


async def _of_command(views: Views, _: Log, identifier: str) -> str | None:
    found = await views.command(identifier)
    return None if found is None else found.site


async def _of_letter(_: Views, log: Log, identifier: str) -> str | None:
    found = await read_letter(log, identifier)
    return None if found is None else found.site


SITE_OF: Final[Mapping[str, Lookup]] = {
    "anomaly": _of_anomaly,
    "incident": _of_incident,
    "plan": _of_plan,
    "command": _of_command,
    "letter": _of_letter,
}
"""By path parameter; null where there is no such thing, or it is of no site."""
