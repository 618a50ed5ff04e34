"""`POST /v1/readings`: telemetry in."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.bodies import BYTE_ORDER_MARK, JSON, body_of_kind, too_large
from tidegate.api.dependencies import Here
from tidegate.api.intake import Intake, take_in, take_in_packed
from tidegate.api.openapi import also_packed, body_of
from tidegate.contracts import topics
from tidegate.contracts.access import Role
from tidegate.contracts.content import ContentType, header
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.rest import ReadingsReceipt
from tidegate.ports import Outgoing

router = APIRouter(tags=["readings"])


@router.post(
    "/v1/readings",
    status_code=HTTPStatus.ACCEPTED,
    response_model=ReadingsReceipt,
    responses=example_of(examples.READINGS_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log."),
    openapi_extra=also_packed(body_of([ReadingBatch, list[Reading], Reading], examples.READING_BODIES)),
)
async def post_readings(request: Request, door: Here) -> Response:
    """Send 1 to 10,000 readings of one site: a batch, a bare list, a single reading, or a packed batch (docs/data-formats.md).

    All or nothing: one malformed reading refuses the request and names itself. 202 means durable; a reading that is well
    formed and still unusable (unknown profile, clock far ahead) becomes a dead letter, see `GET /v1/deadletters`.
    """
    ports = door.ports
    async with body_of_kind(request, door, (JSON, ContentType.PACKED)) as (kind, body):
        intake = take_in_packed(body) if kind == ContentType.PACKED else take_in(body.removeprefix(BYTE_ORDER_MARK))
        door.caller.demand(Role.PRODUCER, intake.site)
        if len(intake.payload) > ports.limits.max_body_bytes:
            raise too_large(f"{len(intake.payload)} bytes as a batch", ports.limits.max_body_bytes)
        await door.backlog.admit(topics.TELEMETRY)
        partition = partition_of(intake.site, ports.log.partitions)
        [offset] = await ports.append([_record(intake, partition)])
    return as_json(ReadingsReceipt(intake.count, intake.site, partition, offset), HTTPStatus.ACCEPTED)


def _record(intake: Intake, partition: int) -> Outgoing:
    return Outgoing(topics.TELEMETRY, partition, intake.site.encode(), intake.payload, header(intake.form))
