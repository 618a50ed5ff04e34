"""What the log may forget: inputs and journal below the older of two snapshots, and facts beyond a count.

Two snapshots are kept, so that a corrupt newest one costs a longer replay and not the state.
"""

from collections.abc import Mapping

from tidegate.contracts import topics
from tidegate.ports import Log

FACT_TOPICS = (topics.ANOMALIES, topics.INCIDENTS, topics.DECISIONS, topics.OUTCOMES, topics.DEADLETTER)
"""Outputs that nothing is rebuilt from; the compacted ones look after themselves."""

SCORES_SHARE = 20
"""One in so many of `keep_facts` for records of scores: each holds many, and history has read them long before."""


class Retention:
    """Trims one partition after each snapshot. Knows only snapshots of this run: the first after a start trims nothing."""

    def __init__(self, partition: int, log: Log, keep_facts: int) -> None:
        self._partition = partition
        self._log = log
        self._keep_facts = keep_facts
        self._older: dict[str, int] = {}

    async def after_snapshot(self, positions: Mapping[str, int]) -> None:
        """A snapshot that includes everything before `positions` is durable."""
        for topic, offset in self._older.items():
            await self._log.trim(topic, self._partition, offset)
        # The snapshot's own journal record is the last one: the log has a single committing owner.
        self._older = dict(positions) | {topics.JOURNAL: await self._log.end_offset(topics.JOURNAL, self._partition)}
        keep = dict.fromkeys(FACT_TOPICS, self._keep_facts) | {topics.SCORES: max(self._keep_facts // SCORES_SHARE, 1)}
        for topic, count in keep.items():
            end = await self._log.end_offset(topic, self._partition)
            if end > count:
                await self._log.trim(topic, self._partition, end - count)
