"""`GET /v1/stream`: facts as they are committed, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from tidegate.api.dependencies import Here
from tidegate.api.feed import Feed, Subscription, as_server_sent_events

router = APIRouter(tags=["facts"])

HEARTBEAT_SECONDS = 15.0
"""Seconds. Proxies commonly close a connection that is silent for 30 or 60."""

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
    subscription = door.ports.feed.subscribe(size=limits.stream_buffer, max_clients=limits.max_stream_clients)
    return StreamingResponse(_events(door.ports.feed, subscription), media_type="text/event-stream")


async def _events(feed: Feed, subscription: Subscription) -> AsyncIterator[bytes]:
    try:
        async for event in as_server_sent_events(subscription, HEARTBEAT_SECONDS):
            yield event
    finally:
        feed.unsubscribe(subscription)
