"""Whom to ask: the owner of a site, or everybody; and whom else when that one cannot say."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from tidegate.adapters.remote_live.crew import Crew
from tidegate.adapters.remote_live.worker import Reach
from tidegate.contracts.partitioner import partition_of
from tidegate.errors import DependencyError

P = ParamSpec("P")
T = TypeVar("T")

Asked = Callable[Concatenate[Any, P], Awaitable[T]]
"""A question as its port has it: `LiveState.topology`."""


class Asking:
    """Puts questions to the workers of a crew that share `partitions`."""

    def __init__(self, crew: Crew, partitions: int) -> None:
        self.crew = crew
        self.partitions = partitions

    async def owner(self, site: str, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Ask the owner of `site`; whoever has taken it over, when that one cannot say."""
        partition = partition_of(site, self.partitions)
        owner = await self.crew.owner(partition)
        try:
            return await ask(owner, asked, *given, **named)
        except DependencyError:
            successor = await self.crew.owner(partition, besides=owner)
            if successor is owner:
                raise
            return await ask(successor, asked, *given, **named)

    async def all(self, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> list[T]:
        """Ask every worker, once each partition has one."""
        owners = {await self.crew.owner(partition) for partition in range(self.partitions)}
        return await asyncio.gather(*(ask(owner, asked, *given, **named) for owner in owners))

    async def joined(self, asked: Asked[P, Sequence[T]], *given: P.args, **named: P.kwargs) -> list[T]:
        """Ask every worker for a list; all of them as one, in any order."""
        return [item for part in await self.all(asked, *given, **named) for item in part]

    async def heard(self, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> list[T]:
        """Ask every worker, and leave out who does not answer."""
        await self.crew.look()
        workers = [standing.worker for standing in self.crew.roll.standings]
        said = await asyncio.gather(*(ask(each, asked, *given, **named) for each in workers), return_exceptions=True)
        return [each for each in said if not isinstance(each, BaseException)]


async def ask(worker: Reach, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Ask one worker.

    Raises:
        DependencyError: it does not answer, or cannot know now; and what the port says that the question raises.
    """
    answer: Any = await worker.ask(asked.__qualname__, *given, **named)
    found: T = answer
    return found
