"""Who works which partition at the moment, by their own words. Looks around every second, and when it is found wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidegate.adapters.remote_live.worker import Reach
from tidegate.contracts.views import PartitionView
from tidegate.errors import DependencyError

LOOK_SECONDS: Final = 1.0
"""Between two looks at every worker: a partition that moves is answered for again as soon as its new owner restored it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one worker last said of itself."""

    worker: Reach
    partitions: Sequence[PartitionView]
    bundles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Roll:
    """What everybody said in one look, and what became of those who said nothing."""

    standings: Sequence[Standing] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def owners(self) -> dict[int, Reach]:
        """Who works each partition: of two who both say so, whoever is further, since a partition in two hands is moving."""
        said = [(view, standing.worker) for standing in self.standings for view in standing.partitions]
        ranked = sorted(said, key=lambda each: (each[0].sequence is not None, not each[0].reasons, each[0].sequence or 0))
        return {view.partition: worker for view, worker in ranked}

    @property
    def bundles(self) -> dict[str, str]:
        """Every bundle that serves anywhere."""
        return {name: identity for standing in self.standings for name, identity in standing.bundles.items()}


class Crew:
    """The workers that `members` finds. Only `look` talks to all of them; the rest goes by what it found last."""

    def __init__(self, members: Callable[[], Awaitable[Sequence[Reach]]]) -> None:
        self._members = members
        self._looking: asyncio.Task[None] | None = None
        self.roll = Roll()

    async def run(self) -> None:
        """Look around for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Ask everybody what they work; those who ask at the same time share one look."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def owner(self, partition: int, besides: Reach | None = None) -> Reach:
        """Who works `partition`. `besides` was asked in vain: somebody else may have it by now.

        Raises:
            DependencyError: nobody who answers says that they do.
        """
        found = self.roll.owners.get(partition)
        if found is None or found is besides:
            await self.look()
            found = self.roll.owners.get(partition)
        if found is None:
            silent = "".join(f"; {why}" for why in self.roll.silent.values())
            raise DependencyError(
                f"no worker answers for partition {partition}{silent}",
                advice="try again in a moment; if it stays, see that the workers run and that api.workers names them all",
            )
        return found

    async def _look(self) -> None:
        members = await self._members()
        found = await asyncio.gather(*map(_standing, members), return_exceptions=True)
        known = {standing.worker.name: standing.worker for standing in self.roll.standings}
        standings, silent = [], {}
        for member, said in zip(members, found, strict=True):
            if isinstance(said, Standing):
                standings.append(Standing(known.get(member.name, member), said.partitions, said.bundles))
            elif isinstance(said, DependencyError):
                silent[member.name] = said.message
            else:
                raise said
        self.roll = Roll(standings, silent)


async def _standing(worker: Reach) -> Standing:
    return Standing(worker, await worker.ask("LiveState.partitions", digest=False), await worker.ask("LiveState.bundles"))
