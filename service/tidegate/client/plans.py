"""Plans and what became of them."""

from typing import Final

from tidegate.client.commands import keyed
from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.rest import Approval, CommandReceipt, Order
from tidegate.contracts.studies import Proposal
from tidegate.contracts.views import DecisionHistory, DecisionView

_LIST: Final = Route("GET", "/v1/decisions")
_GET: Final = Route("GET", "/v1/decisions/{plan}")
_REQUEST: Final = Route("POST", "/v1/sites/{site}/plans")
_APPROVE: Final = Route("POST", "/v1/decisions/{plan}/approve")
_REFUSE: Final = Route("POST", "/v1/decisions/{plan}/refuse")
_UNDO: Final = Route("POST", "/v1/decisions/{plan}/undo")

_NOBODY: Final = Order()


class Plans:
    """`/v1/decisions`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, site: str | None = None, status: DecisionStatus | None = None) -> Listing[DecisionView]:
        """Plans as their latest fact left them, with before and after, the last proposed first."""
        return Listing(self._wire, _LIST, Page[DecisionView], query={"site": site, "status": status})

    async def get(self, plan: str) -> DecisionHistory:
        """A plan with every move and its reason, and each fact of its life."""
        return await self._wire.ask(_GET, DecisionHistory, {"plan": plan})

    async def propose(self, site: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Have a plan made for a site; the command's outcome names it (`plan_id`). `studies.dry_run` only looks."""
        body = Proposal(False, order.reason, order.issued_by)
        return await self._wire.ask(_REQUEST, CommandReceipt, {"site": site}, body=body, headers=keyed(key))

    async def approve(
        self, plan: str, digest: str, *, issued_by: str = "anonymous", reason: str = "", key: str | None = None
    ) -> CommandReceipt:
        """Approve exactly the plan that has `digest`."""
        body = Approval(digest, issued_by, reason)
        return await self._wire.ask(_APPROVE, CommandReceipt, {"plan": plan}, body=body, headers=keyed(key))

    async def refuse(self, plan: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Close the plan that waits for approval, or halt one that is carried out in waves."""
        return await self._wire.ask(_REFUSE, CommandReceipt, {"plan": plan}, body=order, headers=keyed(key))

    async def undo(self, plan: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Return each device of an applied plan to where it was, by a plan that the command's outcome names."""
        return await self._wire.ask(_UNDO, CommandReceipt, {"plan": plan}, body=order, headers=keyed(key))
