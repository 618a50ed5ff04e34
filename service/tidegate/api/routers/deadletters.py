"""`/v1/deadletters`: input that could not be used, why, and sending it again."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Door, Here
from tidegate.api.errors import ReplayRefusedError
from tidegate.api.letters import read_letter
from tidegate.api.openapi import body_of
from tidegate.api.params import DeviceFilter, Paging, SiteFilter
from tidegate.api.replaying import ReplayRules, prepare, send
from tidegate.contracts.codec import decode
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.letters import KeptLetter, LetterFilter
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import ReplayRequest, ReplayVerdict
from tidegate.ports import Outgoing

router = APIRouter(tags=["dead letters"])

LetterPath = Annotated[str, Path(description="Letter id, as the list gives it.", examples=["0-17"])]
_Time = Annotated[int | None, Query(ge=-MAX_INTEGER, le=MAX_INTEGER, description="Unix time in milliseconds.")]


async def _wanted(
    reason: Annotated[DeadLetterReason | None, Query(description="Only this reason.")] = None,
    site: SiteFilter = None,
    device: DeviceFilter = None,
    partition: Annotated[int | None, Query(ge=0, le=MAX_INTEGER, description="Only from this partition.")] = None,
    topic: Annotated[str | None, Query(max_length=249, description="Only from this topic, by its plain name.")] = None,
    since_ms: _Time = None,
    until_ms: _Time = None,
    replayed: Annotated[bool | None, Query(description="Only those that were, or were not, sent again.")] = None,
) -> LetterFilter:
    return LetterFilter(reason, site, device, partition, topic, since_ms, until_ms, replayed)


Wanted = Annotated[LetterFilter, Depends(_wanted)]


@router.get("/v1/deadletters", response_model=Page[KeptLetter], responses=example_of(examples.DEAD_LETTERS))
async def list_dead_letters(page: Paging, door: Here, wanted: Wanted) -> Response:
    """List input that could not be used, the latest first. `original` is base64 and cut to 4 kB; ask for one to see more."""
    return as_json(await door.ports.views.dead_letters(page, wanted))


@router.get("/v1/deadletters/{letter}", response_model=KeptLetter, responses=example_of(examples.DEAD_LETTERS.items[0]))
async def get_dead_letter(letter: LetterPath, door: Here) -> Response:
    """Get one dead letter with all that is kept of its original: everything up to 512 kB."""
    return as_json(await _letter(letter, door))


@router.post(
    "/v1/deadletters/{letter}/replay",
    status_code=HTTPStatus.ACCEPTED,
    response_model=ReplayVerdict,
    responses={
        **example_of(examples.REPLAY_SENT, HTTPStatus.ACCEPTED, "The original is durable on its topic again."),
        **example_of(examples.REPLAY_REFUSED, HTTPStatus.OK, "A dry run: what would be done.", ReplayVerdict),
    },
    openapi_extra=body_of([ReplayRequest], {"dry run": examples.REPLAY_REQUEST}),
)
async def replay_dead_letter(letter: LetterPath, request: Request, door: Here) -> Response:
    """Send the original of a dead letter to its topic again. Twice has no effect twice: the reading or command is recognised.

    409 says why one is not sent: replayed already, a replay itself, or not kept whole. A dry run answers 200 in any case.
    """
    async with json_body(request, door) as body:
        asked = decode(body, ReplayRequest)
    found_letter = await _letter(letter, door)
    try:
        record = await prepare(door.ports.log, found_letter, ReplayRules(asked.max_replays, asked.again))
    except ReplayRefusedError as error:
        if asked.dry_run:
            verdict = ReplayVerdict(letter, error.refusal, str(error), found_letter.topic, found_letter.partition)
            return as_json(verdict)
        raise
    if asked.dry_run:
        return as_json(_fit(found_letter, record))
    await door.backlog.admit(found_letter.topic)
    note = await send(door.ports.log, found_letter, record, door.ports.clock.now_ms())
    return as_json(replace(_fit(found_letter, record), detail="sent", offset=note.offset), HTTPStatus.ACCEPTED)


async def _letter(identifier: str, door: Door) -> KeptLetter:
    """The letter, its bytes from the log and its replays from the read model."""
    letter = found(await read_letter(door.ports.log, identifier), f"dead letter {identifier[:100]!r}")
    seen = await door.ports.views.dead_letter(identifier)
    return letter if seen is None else replace(letter, replayed=seen.replayed, replayed_at_ms=seen.replayed_at_ms)


def _fit(letter: KeptLetter, record: Outgoing) -> ReplayVerdict:
    return ReplayVerdict(letter.id, None, "would be sent", record.topic, record.partition)
