"""Dead letters that wait for somebody: counted by reason, and when the oldest was written."""

from collections.abc import Sequence

from sqlalchemy import and_, exists, func, or_, select

from tidegate.adapters.history.database import Database
from tidegate.adapters.history.tables import DEAD_LETTERS, REPLAYS
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.ports import LettersWaiting


async def letters_waiting(database: Database, starts: Sequence[int]) -> LettersWaiting:
    """Letters that nobody replayed and the log still keeps: those from offset `starts[partition]` on.

    Raises:
        HistoryError: the database cannot be asked.
    """
    kept = [
        and_(DEAD_LETTERS.c.log_partition == partition, DEAD_LETTERS.c.log_offset >= start)
        for partition, start in enumerate(starts)
    ]
    query = (
        select(DEAD_LETTERS.c.reason, func.count().label("letters"), func.min(DEAD_LETTERS.c.written_at_ms).label("oldest_ms"))
        .where(or_(*kept), ~exists().where(REPLAYS.c.letter == DEAD_LETTERS.c.id))
        .group_by(DEAD_LETTERS.c.reason)
    )
    async with database.reading() as connection:
        rows = (await connection.execute(query)).all()
    by_reason = {DeadLetterReason(row.reason): row.letters for row in rows}
    return LettersWaiting(by_reason, min((row.oldest_ms for row in rows), default=None))
