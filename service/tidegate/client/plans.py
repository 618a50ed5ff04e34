"""Plans and what became of them."""

from typing import Final

from tidegate.client.commands import Commands, keyed, new_key
from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, SiteId
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.rest import Approval, CommandReceipt, Order
from tidegate.contracts.views import DecisionHistory, DecisionView

_LIST: Final = Route("GET", "/v1/decisions")
_GET: Final = Route("GET", "/v1/decisions/{plan}")
_APPROVE: Final = Route("POST", "/v1/decisions/{plan}/approve")
_REFUSE: Final = Route("POST", "/v1/decisions/{plan}/refuse")
_UNDO: Final = Route("POST", "/v1/decisions/{plan}/undo")

_NOBODY: Final = Order()


class Plans:
    """`/v1/decisions`."""

    def __init__(self, wire: Wire, commands: Commands) -> None:
        self._wire = wire
        self._commands = commands

    def list(self, *, site: str | None = None, status: DecisionStatus | None = None) -> Listing[DecisionView]:
        """Plans as their latest fact left them, with before and after, the last proposed first."""
        return Listing(self._wire, _LIST, Page[DecisionView], query={"site": site, "status": status})

    async def get(self, plan: str) -> DecisionHistory:
        """A plan with every move and its reason, and each fact of its life."""
        return await self._wire.ask(_GET, DecisionHistory, {"plan": plan})

    async def propose(self, site: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Ask the planner of a site for a plan."""
        identity = CommandId(key or new_key())
        request = Command(identity, SiteId(site), CommandKind.REQUEST_PLAN, order.issued_by, order.reason)
        return await self._commands.send(request)

    async def approve(
        self, plan: str, digest: str, *, issued_by: str = "anonymous", reason: str = "", key: str | None = None
    ) -> CommandReceipt:
        """Approve exactly the plan that has `digest`."""
        body = Approval(digest, issued_by, reason)
        return await self._wire.ask(_APPROVE, CommandReceipt, {"plan": plan}, body=body, headers=keyed(key))

    async def refuse(self, plan: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Close the plan that waits for approval."""
        return await self._wire.ask(_REFUSE, CommandReceipt, {"plan": plan}, body=order, headers=keyed(key))

    async def undo(self, plan: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Return each device of an applied plan to where it was, by a plan that the command's outcome names."""
        return await self._wire.ask(_UNDO, CommandReceipt, {"plan": plan}, body=order, headers=keyed(key))
