"""`/v1/anomalies/{id}/acknowledge` and `/labels`, `/v1/incidents/{id}/acknowledge`: what people say of what detection said."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from tidegate.api import examples_detection as examples
from tidegate.api.answers import example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Here
from tidegate.api.openapi import body_of
from tidegate.api.ordering import obey, order_in
from tidegate.api.params import AnomalyPath, IncidentPath
from tidegate.contracts.codec import decode
from tidegate.contracts.command import CommandKind
from tidegate.contracts.rest import CommandReceipt, LabelRequest, Order

router = APIRouter(tags=["anomalies"])


@router.post(
    "/v1/anomalies/{anomaly}/acknowledge",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.ACKNOWLEDGED, HTTPStatus.ACCEPTED, "The acknowledgement is durable on the log."),
    openapi_extra=body_of([Order], {"acknowledgement": examples.ACKNOWLEDGE}),
)
async def acknowledge_anomaly(anomaly: AnomalyPath, request: Request, door: Here) -> Response:
    """Say that you look after an anomaly. It alarms nobody less: whoever routes alerts may ask for what is not acknowledged."""
    asked = await order_in(request, door)
    site = found(await door.ports.views.anomaly(anomaly), f"anomaly {anomaly!r}").site
    return await obey(door, asked, site, CommandKind.ACKNOWLEDGE_ANOMALY, anomaly_id=anomaly)


@router.post(
    "/v1/anomalies/{anomaly}/labels",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.LABELLED, HTTPStatus.ACCEPTED, "The label is durable on the log."),
    openapi_extra=body_of([LabelRequest], {"label": examples.LABEL_BODY}),
)
async def label_anomaly(anomaly: AnomalyPath, request: Request, door: Here) -> Response:
    """Say what an anomaly was. Kept with it for whoever judges or trains detection; no threshold moves by it.

    Of an open anomaly `true-alarm` keeps it from being accepted as the new normal, and `new-trend` accepts it.
    """
    async with json_body(request, door) as body:
        asked = decode(body, LabelRequest)
    site = found(await door.ports.views.anomaly(anomaly), f"anomaly {anomaly!r}").site
    order = Order(asked.note, asked.issued_by)
    return await obey(door, order, site, CommandKind.LABEL_ANOMALY, anomaly_id=anomaly, label=asked.label)


@router.post(
    "/v1/incidents/{incident}/acknowledge",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.ACKNOWLEDGED, HTTPStatus.ACCEPTED, "The acknowledgement is durable on the log."),
    openapi_extra=body_of([Order], {"acknowledgement": examples.ACKNOWLEDGE}),
)
async def acknowledge_incident(incident: IncidentPath, request: Request, door: Here) -> Response:
    """Say that you look after an incident. Its anomalies keep acknowledgements of their own."""
    asked = await order_in(request, door)
    site = found(await door.ports.views.incident(incident), f"incident {incident!r}").site
    return await obey(door, asked, site, CommandKind.ACKNOWLEDGE_INCIDENT, incident_id=incident)
