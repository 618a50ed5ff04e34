"""Questions about a site's allocation that change nothing."""

from typing import Final

from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.studies import CapacityAdvice, Changes, Headroom, Proposal, Study, WhyNot

_PLANS: Final = Route("POST", "/v1/sites/{site}/plans")
_WHAT_IF: Final = Route("POST", "/v1/sites/{site}/what-if", harmless_twice=True)
_HEADROOM: Final = Route("GET", "/v1/sites/{site}/headroom")
_ADVICE: Final = Route("GET", "/v1/sites/{site}/capacity-advice")
_WHY_NOT: Final = Route("GET", "/v1/sites/{site}/devices/{device}/why-not")


class Studies:
    """Plans that nobody will carry out."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def dry_run(self, site: str) -> Study:
        """The plan for a site as it stands; `plans.propose` asks for one to be carried out."""
        return await self._wire.ask(_PLANS, Study, {"site": site}, body=Proposal())

    async def what_if(self, site: str, changes: Changes) -> Study:
        """The plan for a site as it would be after `changes`."""
        return await self._wire.ask(_WHAT_IF, Study, {"site": site}, body=changes)

    async def headroom(self, site: str) -> Headroom:
        """Who would stay without service if a gateway, or a failure domain, died now."""
        return await self._wire.ask(_HEADROOM, Headroom, {"site": site})

    async def capacity_advice(self, site: str) -> CapacityAdvice:
        """What to add where so that everybody is served, also after the loss of any gateway or failure domain."""
        return await self._wire.ask(_ADVICE, CapacityAdvice, {"site": site})

    async def why_not(self, site: str, device: str, gateway: str | None = None) -> WhyNot:
        """Why a device is not at `gateway`, or at each."""
        return await self._wire.ask(_WHY_NOT, WhyNot, {"site": site, "device": device}, query={"gateway": gateway})
