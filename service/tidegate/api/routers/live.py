"""`/internal/questions/…`: what this process's workers know, for doors of other processes. No part of the REST we promise."""

from fastapi import APIRouter, Request, Response

from tidegate.api.answers import found
from tidegate.api.bodies import body_of_kind
from tidegate.api.dependencies import Here
from tidegate.contracts.codec import pack, unpack
from tidegate.ports import Configuring
from tidegate.ports.questions import QUESTIONS

router = APIRouter(include_in_schema=False)

MESSAGE_PACK = "application/msgpack"


@router.post("/internal/questions/{question}")
async def post_question(question: str, request: Request, door: Here) -> Response:
    """Answer a question of `ports.LiveState` or `ports.Configuring`, arguments and answer in MessagePack."""
    asked = found(QUESTIONS.get(question), f"question {question!r}")
    async with body_of_kind(request, door, (MESSAGE_PACK,)) as (_, body):
        arguments: object = unpack(body, asked.arguments)
    ports = door.ports
    who = (ports.own_desk or ports.configuring) if asked.port is Configuring else ports.own_live
    return Response(pack(await asked.put_to(who, arguments)), media_type=MESSAGE_PACK)
