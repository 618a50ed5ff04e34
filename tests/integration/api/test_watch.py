"""The live view against a real server on a real socket, in its plain form; and a service that is not there."""

import asyncio
import socket
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tidegate.api import examples
from tidegate.cli.watch import watch
from tidegate.client import TidegateClient
from tidegate.contracts import topics
from tidegate.contracts.views import Balance, Health
from tidegate.errors import DependencyError

SITE = examples.ANOMALY.site


def unused_url() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class Paper(StringIO):
    """Remembers lines, and says when a word appears."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word
        self.appeared = asyncio.Event()

    def write(self, text: str) -> int:
        if self._word in text:
            self.appeared.set()
        return super().write(text)


async def test_it_exits_0_once_readings_an_anomaly_and_a_decision_were_seen(house: Any, url: str) -> None:
    house.live.counted = Balance(received=10, scored=10)
    await house.publish(topics.ANOMALIES, SITE, examples.ANOMALY)
    await house.publish(topics.DECISIONS, SITE, examples.DECISION_HISTORY.facts[0])
    stop, paper = asyncio.Event(), Paper("10 in")
    watching = asyncio.create_task(watch(url, Console(file=paper), stop=stop, every_seconds=0.05))
    await asyncio.wait_for(paper.appeared.wait(), 20)
    stop.set()
    assert await watching == 0
    text = paper.getvalue()
    for words in (f"{url}/docs", f"{url}/metrics", "93.2, expected 68.8 to 73.1", "gateway-down proposed", "unserved 1→0"):
        assert words in text


async def test_it_ends_by_itself_and_exits_1_saying_what_was_missing(house: Any, url: str) -> None:
    house.live.counted = Balance(received=10, scored=10)
    await house.publish(topics.ANOMALIES, SITE, examples.ANOMALY)
    paper = StringIO()
    assert await watch(url, Console(file=paper), stop=asyncio.Event(), duration_seconds=3.0, every_seconds=0.1) == 1
    assert "not seen: decision" in paper.getvalue()


async def test_a_service_that_is_not_there_is_waited_for_within_bounds(house: Any) -> None:
    paper = StringIO()
    with pytest.raises(DependencyError, match=r"not ready after 0\.3 s.*tidegate serve"):
        await watch(unused_url(), Console(file=paper), stop=asyncio.Event(), patience_seconds=0.3)
    assert "waiting for" in paper.getvalue()


async def test_waiting_for_a_service_can_be_stopped(house: Any) -> None:
    stop, paper = asyncio.Event(), Paper("waiting for")
    watching = asyncio.create_task(watch(unused_url(), Console(file=paper), stop=stop))
    await asyncio.wait_for(paper.appeared.wait(), 20)
    stop.set()
    assert await asyncio.wait_for(watching, 20) == 1


async def test_a_service_that_is_not_ready_says_why(house: Any, url: str) -> None:
    house.live.state = Health(True, False, ["partition 0: restoring: 7 batches replayed"])
    async with TidegateClient(url) as client:
        with pytest.raises(DependencyError, match="restoring: 7 batches"):
            await client.operation.wait_until_ready(3.0)


async def test_an_answer_that_fails_for_a_while_is_shown_and_survived(house: Any, url: str) -> None:
    house.live.broken = DependencyError("still restoring")
    stop, paper = asyncio.Event(), Paper("still restoring")
    watching = asyncio.create_task(watch(url, Console(file=paper), stop=stop, every_seconds=0.05))
    await asyncio.wait_for(paper.appeared.wait(), 20)
    house.live.broken = None
    recovered = Paper("0 in")
    paper.write = recovered.write  # type: ignore[method-assign]
    await asyncio.wait_for(recovered.appeared.wait(), 20)
    stop.set()
    assert await watching == 1


async def test_something_else_on_the_port_is_not_taken_for_a_service() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, TidegateClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        with pytest.raises(DependencyError, match="does not answer like a Tidegate"):
            await client.operation.summary()
