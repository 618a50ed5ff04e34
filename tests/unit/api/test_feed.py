"""The live stream: bounded per client, and a slow client is told that it was cut off."""

import pytest

from tidegate.api.errors import OverloadedError
from tidegate.api.feed import Feed, FeedEvent, as_server_sent_events


def event(number: int) -> FeedEvent:
    return FeedEvent("anomaly", f"t/0/{number}", b"{}")


async def test_a_client_gets_facts_in_order_in_the_event_stream_format() -> None:
    feed = Feed()
    subscription = feed.subscribe(size=10, max_clients=1)
    for number in range(2):
        feed.publish(event(number))
    events = as_server_sent_events(subscription, heartbeat_seconds=60)
    assert [await anext(events) for _ in range(3)][1:] == [b"event: anomaly\nid: t/0/%d\ndata: {}\n\n" % n for n in range(2)]


async def test_a_client_that_reads_too_slowly_gets_what_was_queued_and_then_the_end() -> None:
    feed = Feed()
    subscription = feed.subscribe(size=2, max_clients=1)
    for number in range(5):
        feed.publish(event(number))
    received = [each async for each in as_server_sent_events(subscription, heartbeat_seconds=60)]
    assert [each.split(b"\n")[0] for each in received[1:]] == [b"event: anomaly", b"event: anomaly", b"event: cut-off"]


async def test_a_quiet_stream_beats_so_that_it_is_kept_open() -> None:
    subscription = Feed().subscribe(size=1, max_clients=1)
    events = as_server_sent_events(subscription, heartbeat_seconds=0.001)
    assert [await anext(events) for _ in range(2)][1].startswith(b":")


def test_clients_are_bounded_and_a_place_is_free_again_after_one_left() -> None:
    feed = Feed()
    first = feed.subscribe(size=1, max_clients=1)
    with pytest.raises(OverloadedError):
        feed.subscribe(size=1, max_clients=1)
    feed.unsubscribe(first)
    feed.unsubscribe(first)
    feed.subscribe(size=1, max_clients=1)
