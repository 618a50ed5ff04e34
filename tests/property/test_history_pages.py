"""Pages of history over any facts: whatever arrives between two of them, none repeats and none hides another."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from histories import fresh_history
from tidegate.adapters.history import Follower, SqlViews
from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.annotation import AnomalyFilter
from tidegate.contracts.anomaly import Anomaly, Severity
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import AnomalyId, SiteId
from tidegate.contracts.paging import PageRequest, from_cursor
from tidegate.ports import Outgoing

FACTS = st.lists(
    st.builds(
        lambda number, time, site, severity: replace(
            examples.ANOMALY, id=AnomalyId(f"a{number}"), opened_at_ms=time, site=SiteId(site), severity=severity
        ),
        st.integers(0, 10_000),
        st.integers(-5, 5),
        st.sampled_from(["north", "south", "\x00'"]),
        st.sampled_from(list(Severity)),
    ),
    max_size=25,
    unique_by=lambda fact: fact.id,
)


@settings(max_examples=25, deadline=None)
@given(FACTS, FACTS, st.integers(1, 6), st.sampled_from([None, "north", "\x00'"]), st.sampled_from([None, Severity.HIGH]))
def test_pages_show_each_fact_that_was_there_once_and_in_order(
    there: list[Anomaly], arriving: list[Anomaly], limit: int, site: str | None, severity: Severity | None
) -> None:
    there = [fact for fact in there if fact.id not in {each.id for each in arriving}]
    seen = asyncio.run(_pages(there, arriving, limit, site, severity))
    wanted = [fact for fact in there if site in (None, fact.site) and severity in (None, fact.severity)]
    in_order = [fact.id for fact in sorted(wanted, key=lambda fact: (fact.opened_at_ms, fact.id), reverse=True)]
    assert len(seen) == len(set(seen))
    assert [each for each in seen if each in set(in_order)] == in_order


async def _pages(
    there: list[Anomaly], arriving: list[Anomaly], limit: int, site: str | None, severity: Severity | None
) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        log, database = MemoryLog(1, clock=ManualClock()), fresh_history(Path(folder))
        follower, views = Follower(log, database, NullMetrics()), SqlViews(database, 1)
        await _happen(log, follower, there)
        seen: list[str] = []
        after, waiting = None, list(arriving)
        while True:
            page = await views.anomalies(PageRequest(limit, after), AnomalyFilter(site=site, severity=severity))
            seen += [item.id for item in page.items]
            await _happen(log, follower, [waiting.pop()] if waiting else [])
            if page.next_cursor is None:
                await database.close()
                return seen
            after = from_cursor(page.next_cursor)


async def _happen(log: MemoryLog, follower: Follower, facts: list[Anomaly]) -> None:
    if facts:
        await log.append([Outgoing(topics.ANOMALIES, 0, b"k", encode(fact)) for fact in facts])
        await follower.catch_up()
