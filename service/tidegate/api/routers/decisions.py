"""`/v1/decisions`: plans and what became of them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.commanding import issue
from tidegate.api.dependencies import Here
from tidegate.api.openapi import body_of
from tidegate.api.params import Paging, PlanPath, SiteFilter
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.rest import Approval, CommandReceipt
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
    """Approve exactly the plan you have seen, by its digest: shorthand for the command `approve-plan`."""
    async with json_body(request, door) as body:
        approval = decode(body, Approval)
    history = found(await door.ports.views.decision(plan), f"plan {plan!r}")
    command = Command(
        id=door.ports.new_command_id(),
        site=history.decision.site,
        kind=CommandKind.APPROVE_PLAN,
        issued_by=approval.issued_by,
        reason=approval.reason,
        plan_id=plan,
        digest=approval.digest,
    )
    receipt = await issue(command, door.ports)
    return as_json(receipt, HTTPStatus.ACCEPTED, {"location": receipt.outcome})
