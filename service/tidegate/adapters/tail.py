"""The last record of a partition, on any log."""

from typing import Final

from tidegate.ports import Log, Record

_PAGE_RECORDS: Final = 500
_PAGE_BYTES: Final = 1024 * 1024


async def last_record(log: Log, topic: str, partition: int) -> Record | None:
    """The last record of a partition, or None. Looks back further and further: offsets before the end need not be records'."""
    start, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
    back = 1
    while end > start:
        last = await _last_from(log, topic, partition, max(start, end - back))
        if last is not None or end - back <= start:
            return last
        back *= 4
    return None


async def _last_from(log: Log, topic: str, partition: int, offset: int) -> Record | None:
    last = None
    while page := await log.read(topic, partition, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES):
        last = page[-1]
        offset = last.offset + 1
    return last
