"""What a client missed: nothing is left out without saying so, and a position of another log is not believed."""

from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.api.catching_up import missed
from tidegate.api.feed import FeedEvent
from tidegate.api.stream_position import Position
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.stream import STREAMED, GapReason, StreamGap
from tidegate.ports import Outgoing


def at(offset: int = 0, **places: int) -> Position:
    """The same offset everywhere, but for the partition 0 of the topics named by kind."""
    return Position({topic: [places.get(kind.value, offset)] for topic, kind in STREAMED.items()})


async def filled(**counts: int) -> MemoryLog:
    clock = ManualClock()
    log = MemoryLog(1, clock=clock)
    for topic, kind in STREAMED.items():
        for number in range(counts.get(kind.value, 0)):
            fact = Outgoing(topic, 0, f"{number}".encode(), encode({"site": "s", "n": number}))
            await log.append([fact])
    return log


async def between(log: MemoryLog, start: Position, end: Position, most: int = 1000) -> tuple[list[StreamGap], list[int]]:
    found = [each async for each in missed(log, start, end, most)]
    gaps = [each for each in found if isinstance(each, StreamGap)]
    assert found[: len(gaps)] == gaps, "gaps come before what follows them"
    return gaps, [each.offset for each in found if isinstance(each, FeedEvent)]


async def test_what_lies_between_two_positions_is_replayed_and_the_position_moves_along() -> None:
    log = await filled(anomaly=250)
    start = at(anomaly=20)
    gaps, offsets = await between(log, start, at(anomaly=240))
    assert (gaps, offsets) == ([], list(range(20, 240)))
    assert start.at(topics.ANOMALIES, 0) == 240


async def test_facts_of_all_topics_come_in_order_of_time() -> None:
    clock = ManualClock()
    log = MemoryLog(1, clock=clock)
    kinds = [topics.OUTCOMES, topics.ANOMALIES, topics.OUTCOMES, topics.DECISIONS, topics.ANOMALIES]
    for number, topic in enumerate(kinds):
        clock.advance(1.0)
        await log.append([Outgoing(topic, 0, b"k", encode({"site": "s", "n": number}))])
    found = [each.topic async for each in missed(log, at(), at(2), 100) if isinstance(each, FeedEvent)]
    assert found == kinds


async def test_facts_that_are_no_longer_kept_are_a_gap_of_that_size() -> None:
    log = await filled(incident=10)
    await log.trim(topics.INCIDENTS, 0, 6)
    gaps, offsets = await between(log, at(incident=2), at(incident=10))
    assert gaps == [StreamGap(GapReason.NO_LONGER_KEPT, 4)]
    assert offsets == [6, 7, 8, 9]


async def test_facts_that_go_while_they_are_replayed_are_a_gap_too() -> None:
    log = await filled(anomaly=150)
    found: list[FeedEvent | StreamGap] = []
    async for each in missed(log, at(), at(anomaly=150), 1000):
        found.append(each)
        if len(found) == 1:
            await log.trim(topics.ANOMALIES, 0, 120)
    assert [each for each in found if isinstance(each, StreamGap)] == [StreamGap(GapReason.NO_LONGER_KEPT, 20)]
    assert len(found) == 1 + 100 + 30


async def test_of_a_compacted_topic_nothing_is_missing_that_matters() -> None:
    log = MemoryLog(1)
    for _ in range(5):
        await log.append([Outgoing(topics.ASSIGNMENTS, 0, b"one", b'{"site":"s"}')])
    await log.trim(topics.ASSIGNMENTS, 0, 4)
    gaps, offsets = await between(log, at(), at(assignment=5))
    assert (gaps, offsets) == ([], [4])


async def test_more_than_are_replayed_are_cut_to_the_newest_and_counted() -> None:
    log = await filled(anomaly=100, outcome=50)
    gaps, offsets = await between(log, at(), at(anomaly=100, outcome=50), most=30)
    assert gaps == [StreamGap(GapReason.TOO_MANY, 120)]
    assert sorted(offsets) == sorted([*range(80, 100), *range(40, 50)])


async def test_a_position_beyond_the_end_of_the_log_is_of_another_log() -> None:
    log = await filled(anomaly=5)
    start = at(anomaly=900)
    gaps, offsets = await between(log, start, at(anomaly=5))
    assert (gaps, offsets) == ([StreamGap(GapReason.POSITION_UNKNOWN)], [])
    assert start.at(topics.ANOMALIES, 0) == 5


async def test_a_position_ahead_of_this_process_alone_is_believed() -> None:
    log = await filled(anomaly=9)
    start = at(anomaly=9)
    assert await between(log, start, at(anomaly=5)) == ([], [])
    assert start.at(topics.ANOMALIES, 0) == 9
