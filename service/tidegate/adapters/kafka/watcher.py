"""Notices what others append: asks each broker, over a connection of its own, to answer when there is something to read."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from aiokafka.errors import NoError, for_code

from tidegate.adapters.kafka.cluster import Cluster
from tidegate.adapters.kafka.connection import KafkaConnection
from tidegate.adapters.kafka.held import Held
from tidegate.errors import DependencyError

POLL_MS: Final = 50
"""Milliseconds a broker holds a question that it cannot answer yet. A partition that readers come to the end of meanwhile is
asked about next time, so this also bounds how late we notice what others append."""

_UNREACHABLE_SECONDS: Final = 0.5


class Watcher:
    """Rings when a partition moves past the offset at which a reader last found nothing; tells `held` what keeps it there."""

    def __init__(self, connection: KafkaConnection, cluster: Cluster, held: Held, ring: Callable[[], None]) -> None:
        self._connection = connection
        self._cluster = cluster
        self._held = held
        self._ring = ring
        self._ends: dict[tuple[str, int], int] = {}
        self._asked = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="kafka-watcher")

    def at_end(self, topic: str, partition: int, offset: int) -> None:
        """A reader found nothing in the plain `topic` from `offset` on."""
        self._ends[self._connection.topic(topic), partition] = offset
        self._asked.set()

    async def close(self) -> None:
        """Stop watching and close the connection."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._cluster.close()

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            try:
                await self._poll()
            except DependencyError:
                await asyncio.sleep(_UNREACHABLE_SECONDS)
            if not self._ends:
                self._asked.clear()

    async def _poll(self) -> None:
        by_leader: dict[int | None, dict[str, list[tuple[int, int, int]]]] = defaultdict(lambda: defaultdict(list))
        for (topic, partition), offset in self._ends.items():
            by_leader[self._cluster.leader(topic, partition)][topic].append((partition, offset, 1))
        if None in by_leader:
            await self._cluster.refresh()
        answers = [
            self._cluster.poll(node, list(asked.items()), POLL_MS) for node, asked in by_leader.items() if node is not None
        ]
        moved = False
        for answer in await asyncio.gather(*answers):
            moved |= self._take(answer)
        if moved:
            self._ring()

    def _take(self, answer: Any) -> bool:
        """Forget the partitions that moved, until a reader comes to their end again; true when one did."""
        moved = False
        for topic, partitions in answer.topics:
            for partition, code, end, stable_end, *_ in partitions:
                offset = self._ends.get((topic, partition), 0)
                if for_code(code) is NoError:
                    self._held.seen(topic, partition, end, stable_end)
                    if stable_end <= offset:
                        continue
                # Also after an error (the leader changed, the offset is gone): the reader will meet and understand it.
                self._ends.pop((topic, partition), None)
                moved = True
        return moved
