"""Server-sent events come out whole, wherever the network cuts them and whatever they hold."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from tidegate.client.events import ServerSentEvent, server_sent_events

SENT = (
    ': hello\nid: 0\n\nevent: anomaly\ndata: {"text":"a\u2028b\x85c"}\nid: 1\n\n'
    "data:no blank\ndata: two lines\n\n\n: beat\n\nevent: x\r\ndata: y\r\n\r\nevent: never\ndata: finished\n"
).encode()

EXPECTED = [
    ServerSentEvent("message", "0", b""),
    ServerSentEvent("anomaly", "1", '{"text":"a\u2028b\x85c"}'.encode()),
    ServerSentEvent("message", None, b"no blank\ntwo lines"),
    ServerSentEvent("x", None, b"y"),
]


async def chunks(cuts: list[int]) -> AsyncIterator[bytes]:
    places = sorted({cut % len(SENT) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(SENT)], strict=True):
        yield SENT[start:end]


async def events(cuts: list[int]) -> list[ServerSentEvent]:
    return [event async for event in server_sent_events(chunks(cuts))]


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_events_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    assert asyncio.run(events(cuts)) == EXPECTED
