"""Who works which partition: what every membership shares, and the one of a process that is alone."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from tidegate.ports import Share


class Noticeboard:
    """Shows the share in force and wakes those who wait for another; call from one event loop."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._next = asyncio.Event()

    @property
    def share(self) -> Share:
        """What is ours by the latest word."""
        return self._share

    async def changed(self, since: Share) -> Share:
        """Return the share once it is another than `since`."""
        while self._share == since:
            await self._next.wait()
        return self._share

    def _show(self, share: Share) -> None:
        self._share = share
        self._next.set()
        self._next = asyncio.Event()


class SoleMember(Noticeboard):
    """`ports.Membership` of a process that shares with nobody: `partitions` are its own for ever, or none ever are."""

    def __init__(self, partitions: Iterable[int]) -> None:
        super().__init__(Share(1, frozenset(partitions), settled=True))

    def rejoin(self) -> None:
        """There is nobody to ask: confirmed at once."""
        self._show(replace(self._share, generation=self._share.generation + 1))

    async def close(self) -> None:
        """Nothing to leave."""
