"""`/v1/decisions`: plans and what became of them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.api import examples, examples_allocation
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Door, Here
from tidegate.api.openapi import body_of
from tidegate.api.ordering import obey, order_in
from tidegate.api.params import Paging, PlanPath, SiteFilter
from tidegate.contracts.codec import decode
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import PlanId, SiteId
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.rest import Approval, CommandReceipt, Order
from tidegate.contracts.views import DecisionHistory, DecisionView

router = APIRouter(tags=["decisions"])

StatusFilter = Annotated[DecisionStatus | None, Query(description="Only plans whose latest fact says this.")]


@router.get("/v1/decisions", response_model=Page[DecisionView], responses=example_of(examples.DECISIONS))
async def list_decisions(page: Paging, door: Here, site: SiteFilter = None, status: StatusFilter = None) -> Response:
    """List plans as their latest fact left them, with before and after, the last proposed first."""
    return as_json(await door.ports.views.decisions(page, site=site, status=status))


@router.get("/v1/decisions/{plan}", response_model=DecisionHistory, responses=example_of(examples.DECISION_HISTORY))
async def get_decision(plan: PlanPath, door: Here) -> Response:
    """Get a plan with every move and its reason, and each fact of its life."""
    return as_json(found(await door.ports.views.decision(plan), f"plan {plan!r}"))


@router.post(
    "/v1/decisions/{plan}/approve",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.COMMAND_RECEIPT, HTTPStatus.ACCEPTED, "The approval is durable on the log."),
    openapi_extra=body_of([Approval], {"approval": examples.APPROVAL}),
)
async def approve_decision(plan: PlanPath, request: Request, door: Here) -> Response:
    """Approve exactly the plan you have seen, by its digest: shorthand for the command `approve-plan`.

    What is carried out is those moves, in that order, with those grants, or nothing: where a move no longer holds, the plan
    is refused and its last fact says what has changed.
    """
    async with json_body(request, door) as body:
        approval = decode(body, Approval)
    order = Order(approval.reason, approval.issued_by)
    site = await _site_of(plan, door)
    return await obey(door, order, site, CommandKind.APPROVE_PLAN, plan_id=plan, digest=approval.digest)


@router.post(
    "/v1/decisions/{plan}/refuse",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples_allocation.REFUSAL_RECEIPT, HTTPStatus.ACCEPTED, "The refusal is durable on the log."),
    openapi_extra=body_of([Order], {"refusal": examples_allocation.ORDER}),
)
async def refuse_decision(plan: PlanPath, request: Request, door: Here) -> Response:
    """Close the plan that waits for approval, or halt one that is carried out in waves: shorthand for `refuse-plan`.

    A plan that is neither is refused so. What a halted plan has moved stays, until it is undone.
    """
    order = await order_in(request, door)
    return await obey(door, order, await _site_of(plan, door), CommandKind.REFUSE_PLAN, plan_id=plan)


@router.post(
    "/v1/decisions/{plan}/undo",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples_allocation.UNDO_RECEIPT, HTTPStatus.ACCEPTED, "The order to undo is durable on the log."),
    openapi_extra=body_of([Order], {"undo": examples_allocation.ORDER}),
)
async def undo_decision(plan: PlanPath, request: Request, door: Here) -> Response:
    """Return each device of an applied plan to where it was: shorthand for the command `undo-plan`.

    Of one that was halted, those that were moved; one that is still carried out in waves is halted first.
    It becomes a plan of its own, which the command's outcome names (`plan_id`). A device goes back while its epoch is still
    the undone plan's, and where the hard goals allow it now; the others are in that plan's `kept`, with the reason.
    """
    order = await order_in(request, door)
    return await obey(door, order, await _site_of(plan, door), CommandKind.UNDO_PLAN, plan_id=plan)


async def _site_of(plan: PlanId, door: Door) -> SiteId:
    return found(await door.ports.views.decision(plan), f"plan {plan!r}").decision.site
