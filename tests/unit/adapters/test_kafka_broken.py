"""A connection that the broker has closed while nobody looked is broken, whatever loop it is on."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import tidegate.adapters.kafka.connection  # noqa: F401 - what speaks to Kafka imports it
from tidegate.adapters.kafka import broken


async def ask_after_the_end() -> bool:
    """Asks over a real connection that has been cut; says whether it counts as connected afterwards."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    connection = AIOKafkaConnection(host, port)
    connection._reader, connection._writer = await asyncio.open_connection(host, port)
    connection._versions = {MetadataRequest([]).API_KEY: (0, 5)}
    connection._writer.transport.abort()
    await asyncio.sleep(0.05)
    connection._read_task = connection._create_reader_task()  # has not looked yet
    try:
        with pytest.raises(KafkaConnectionError, match="broken"):
            await connection.send(MetadataRequest([]))
    finally:
        server.close()
    return bool(connection.connected())


def test_on_uvloop_it_is_broken_and_not_an_error_of_ours() -> None:
    assert uvloop.run(ask_after_the_end()) is False


def test_aiokafka_itself_does_not_know_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, `broken` can go."""
    unmended: Callable[..., Any] = broken._SEND
    monkeypatch.setattr(AIOKafkaConnection, "send", unmended)
    with pytest.raises(RuntimeError, match="closed"):
        uvloop.run(ask_after_the_end())
