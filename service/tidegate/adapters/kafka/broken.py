"""A connection that the broker has closed is broken on uvloop too: aiokafka expects asyncio's `OSError` alone (its issue 1038).

Without it `RuntimeError` comes through to whoever asks, and ends the client's own task that learns who leads what: from then on
it learns nothing any more.
"""

from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_SEND: Final = AIOKafkaConnection.send


def _send(connection: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    try:
        return _SEND(connection, request, expect_response)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error


def tell_broken_connections() -> None:
    """Let every connection of aiokafka in this process say so. Idempotent."""
    AIOKafkaConnection.send = _send
