"""`GET /v1/deadletters`: input that could not be used, and why."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.dependencies import Here
from tidegate.api.params import Paging
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.paging import Page

router = APIRouter(tags=["dead letters"])

ReasonFilter = Annotated[DeadLetterReason | None, Query(description="Only this reason.")]


@router.get("/v1/deadletters", response_model=Page[DeadLetter], responses=example_of(examples.DEAD_LETTERS))
async def list_dead_letters(page: Paging, door: Here, reason: ReasonFilter = None) -> Response:
    """List input that could not be used, the latest first. `original` is base64 and cut to 4 kB; the topic has all of it."""
    return as_json(await door.ports.views.dead_letters(page, reason=reason))
