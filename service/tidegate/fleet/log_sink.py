"""A fleet straight onto a log's topics, as a producer on Kafka sends; assignments come back the same way.

Opened at first use, inside the running loop. Does not create topics.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tidegate.contracts import topics
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.command import Command
from tidegate.contracts.content import Headers, header
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.plan import Assignment
from tidegate.contracts.reading import ReadingBatch
from tidegate.fleet.forms import Form, messages
from tidegate.ports import Log, Outgoing

_PAGE_RECORDS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024


class LogSink:
    """`Sink` and `Feedback` over a log that `open_log` opens; the sink closes it. Readings go out in `form`."""

    def __init__(self, open_log: Callable[[], Awaitable[Log]], form: Form = Form.BATCH) -> None:
        self._open_log = open_log
        self._form = form
        self._log: Log | None = None
        self._read_to: dict[int, int] = {}
        self._assigned: dict[SiteId, dict[DeviceId, Assignment]] = {}

    async def send(self, batch: ReadingBatch) -> None:
        """Append the batch to the telemetry topic, in its site's partition; see `Sink.send`."""
        content_type, values = messages(batch, self._form)
        await self._append(topics.TELEMETRY, batch.site, values, header(content_type))

    async def command(self, command: Command) -> None:
        """Append the command to the commands topic; see `Sink.command`."""
        await self._append(topics.COMMANDS, command.site, [encode(command)])

    async def assignments(self, site: SiteId) -> Sequence[Assignment]:
        """The latest assignment of each device of `site`; see `Feedback.assignments`."""
        log = await self._opened()
        await self._follow(log, partition_of(site, log.partitions))
        return list(self._assigned.get(site, {}).values())

    async def close(self) -> None:
        """Close the log, if it was opened. Idempotent."""
        if self._log is not None:
            await self._log.close()

    async def _opened(self) -> Log:
        if self._log is None:
            self._log = await self._open_log()
        return self._log

    async def _append(self, topic: str, site: SiteId, values: Sequence[bytes], headers: Headers = ()) -> None:
        log = await self._opened()
        partition, key = partition_of(site, log.partitions), site.encode()
        await log.append([Outgoing(topic, partition, key, value, headers) for value in values])

    async def _follow(self, log: Log, partition: int) -> None:
        """Read what was assigned since the last look."""
        offset = self._read_to.get(partition, 0)
        while page := await log.read(topics.ASSIGNMENTS, partition, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES):
            for record in page:
                if record.value is not None:
                    assignment = decode(record.value, Assignment)
                    self._assigned.setdefault(assignment.site, {})[assignment.device] = assignment
            offset = self._read_to[partition] = page[-1].offset + 1
