"""Follows the facts and tells people, until cancelled. What goes on survives a restart by the read model, not by memory.

At the start, what is open is taken from the read model, and the log is followed from where the read model stood: a process that
was away learns of what opened and ended meanwhile, and one that was not repeats nothing that is over.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from tidegate.api.alerting.book import AlertBook, Entry
from tidegate.api.alerting.wording import Wording
from tidegate.contracts import topics
from tidegate.contracts.annotation import AnomalyFilter
from tidegate.contracts.anomaly import Anomaly, Incident, IncidentStatus
from tidegate.contracts.codec import decode
from tidegate.contracts.paging import MAX_PAGE, PageRequest, from_cursor
from tidegate.errors import DependencyError, InputError
from tidegate.ports import Alert, AlertMetrics, AlertSink, Clock, Log, Record, Views

FOLLOWED: Final[dict[str, type[Anomaly] | type[Incident]]] = {topics.ANOMALIES: Anomaly, topics.INCIDENTS: Incident}

ROUND_SECONDS: Final = 1.0
"""Seconds between two rounds; what opens within one is told together."""

WAIT_SECONDS: Final = (1.0, 30.0)
"""Seconds until a failed attempt is repeated: at first, doubled each time, at most."""

MAX_RECORDS: Final = 500
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one read of one partition."""

_log = structlog.get_logger(__name__)


class AlertTeller:
    """One process's; several tell the same, which is harmless, for an alert is known by its labels."""

    def __init__(self, log: Log, views: Views, sink: AlertSink, wording: Wording, clock: Clock, metrics: AlertMetrics) -> None:
        self._log = log
        self._views = views
        self._sink = sink
        self._clock = clock
        self._metrics = metrics
        self._offsets: dict[tuple[str, int], int] | None = None
        self.book = AlertBook(wording)

    async def run(self) -> None:
        """Follow and tell for ever. Whatever cannot be asked or told is tried again."""
        first, longest = WAIT_SECONDS
        wait = first
        while True:
            try:
                await self.round()
                wait = first
                await asyncio.sleep(ROUND_SECONDS)
            except DependencyError as error:
                _log.warning("alerts_wait", error=str(error), seconds=wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, longest)

    async def round(self) -> None:
        """Take in what is new, and tell what is due.

        Raises:
            DependencyError: the read model, the log or whoever is told cannot be reached; nothing is forgotten by that.
        """
        if self._offsets is None:
            self._offsets = await self._begin()
        await self._follow(self._offsets)
        self._count_dropped()
        due = self.book.due(self._clock.now_ms())
        if due:
            await self._tell(due)

    async def _tell(self, due: "Sequence[tuple[Entry, Alert]]") -> None:
        try:
            refused = await self._sink.send([alert for _, alert in due])
        except DependencyError:
            self._metrics.alerts_failed()
            raise
        self.book.told(due, self._clock.now_ms())
        self._metrics.alerts_sent(len(due), refused)

    async def _begin(self) -> dict[tuple[str, int], int]:
        """Note what is open by the read model; returns where to follow the log from."""
        now_ms, request, still_open = self._clock.now_ms(), PageRequest(MAX_PAGE), AnomalyFilter(is_open=True)
        page = await self._views.anomalies(request, still_open)
        incidents = await self._views.incidents(request)
        read = {topics.ANOMALIES: page.as_of.offsets, topics.INCIDENTS: incidents.as_of.offsets}
        for incident in incidents.items:
            if incident.status is not IncidentStatus.CLOSED:
                self.book.note(incident, now_ms, now_ms)
        while True:
            for anomaly in page.items:
                self.book.note(anomaly, now_ms, now_ms)
            if page.next_cursor is None:
                break
            page = await self._views.anomalies(PageRequest(MAX_PAGE, from_cursor(page.next_cursor)), still_open)
        return {
            (topic, index): offset
            for topic, offsets in read.items()
            for index, offset in enumerate(offsets.get(topic) or [0] * self._log.partitions)
        }

    async def _follow(self, offsets: dict[tuple[str, int], int]) -> None:
        for topic, partition in list(offsets):
            while True:
                offset = offsets[topic, partition]
                records = await self._log.read(topic, partition, offset, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
                for record in records:
                    self._note(record)
                if not records:
                    break
                offsets[topic, partition] = records[-1].offset + 1

    def _note(self, record: Record) -> None:
        if record.value is None:
            return
        try:
            fact = decode(record.value, FOLLOWED[record.topic])
        except InputError as error:
            _log.error("fact_not_understood", topic=record.topic, offset=record.offset, error=str(error))
            return
        self.book.note(fact, record.timestamp_ms, self._clock.now_ms())

    def _count_dropped(self) -> None:
        if self.book.dropped:
            self._metrics.alerts_dropped(self.book.dropped)
            self.book.dropped = 0
