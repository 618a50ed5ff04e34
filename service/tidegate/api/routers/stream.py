"""`GET /v1/stream`: facts as they are committed, as server-sent events, without a gap over broken connections."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from tidegate.api import examples
from tidegate.api.access.shown import facts_shown_to
from tidegate.api.dependencies import Door, Here
from tidegate.api.params import SiteFilter
from tidegate.api.stream_position import MAX_TOKEN, Position
from tidegate.api.streaming import ClientStream, Wanted
from tidegate.contracts.stream import FactKind

router = APIRouter(tags=["facts"])

RECHECK_SECONDS: Final = 2.0
"""Seconds after which a fact is sent only if the credential that asked for it is still good."""

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events `anomaly`, `incident`, `decision`, `assignment` and `outcome`; `gap` where facts are missing.",
        "content": {"text/event-stream": {"example": examples.STREAM}},
    }
}

After = Annotated[str | None, Query(max_length=MAX_TOKEN, description="Id of the last event seen: go on after it.")]
LastEventId = Annotated[str | None, Header(max_length=MAX_TOKEN, description="The same, as browsers send it; it wins.")]
Kinds = Annotated[list[FactKind] | None, Query(alias="kind", max_length=len(FactKind), description="Only these kinds of fact.")]


@router.get("/v1/stream", response_class=StreamingResponse, responses=_RESPONSES)
async def stream_facts(
    door: Here, after: After = None, last_event_id: LastEventId = None, site: SiteFilter = None, kind: Kinds = None
) -> Response:
    """Follow facts as they are committed, each once. After a break, go on from the last id with the same filters.

    What was missed is sent first, up to 100,000 facts. Where facts are no longer kept, or more were missed, an event `gap`
    says so and the stream goes on behind it; REST has the latest of each. A client that reads slowly loses nothing.
    """
    token = last_event_id or after
    position = Position.parse(token) if token else None
    limits = door.ports.limits
    feed = door.ports.feed
    subscription = await feed.subscribe(size=limits.stream_buffer, max_clients=limits.max_stream_clients)
    stream = ClientStream(
        door.ports.log,
        feed,
        subscription,
        Wanted(site, frozenset(kind or ()), facts_shown_to(door.caller.principal)),
        position,
        replay_records=limits.stream_replay,
    )
    return StreamingResponse(_while_known(door, stream.events()), media_type="text/event-stream")


async def _while_known(door: Door, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Until the client leaves or its credential ends: a stream is open for longer than many a key."""
    clock = door.ports.clock
    asked = clock.monotonic()
    async with aclosing(events):
        async for event in events:
            if clock.monotonic() - asked >= RECHECK_SECONDS:
                asked = clock.monotonic()
                if not await door.caller.still_known():
                    return
            yield event
