"""`GET /v1/stream`: facts as they are committed, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from tidegate.api.access.shown import facts_shown_to
from tidegate.api.dependencies import Door, Here
from tidegate.api.feed import Subscription, as_server_sent_events

router = APIRouter(tags=["facts"])

HEARTBEAT_SECONDS = 15.0
"""Seconds. Proxies commonly close a connection that is silent for 30 or 60."""

RECHECK_SECONDS = 2.0
"""Seconds after which a fact is sent only if the credential that asked for it is still good."""

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `anomaly`, `incident`, `decision`, `assignment` and `outcome`.",
        "content": {"text/event-stream": {}},
    }
}


@router.get("/v1/stream", response_class=StreamingResponse, responses=_RESPONSES)
async def stream_facts(door: Here) -> Response:
    """Follow facts as they are committed. A client that reads too slowly is cut off and told so; the past is REST's."""
    limits = door.ports.limits
    subscription = door.ports.feed.subscribe(
        size=limits.stream_buffer, max_clients=limits.max_stream_clients, wants=facts_shown_to(door.caller.principal)
    )
    return StreamingResponse(_events(door, subscription), media_type="text/event-stream")


async def _events(door: Door, subscription: Subscription) -> AsyncIterator[bytes]:
    """Until the client leaves, is cut off, or its credential ends: a stream is open for longer than many a key."""
    feed, clock = door.ports.feed, door.ports.clock
    asked = clock.monotonic()
    try:
        async for event in as_server_sent_events(subscription, HEARTBEAT_SECONDS):
            if clock.monotonic() - asked >= RECHECK_SECONDS:
                asked = clock.monotonic()
                if not await door.caller.still_known():
                    return
            yield event
    finally:
        feed.unsubscribe(subscription)
