"""Answers to questions about plans that nobody will carry out."""

from typing import Protocol

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.studies import CapacityAdvice, Changes, Headroom, Study, WhyNot
from tidegate.core.allocation.model import AllocationView


class Adviser(Protocol):
    """Computes beside the workers and beside the planner, so that questions delay neither a score nor a plan.

    Equal views and questions give equal answers. Takes a few questions at a time and turns others away.

    Raises (every method):
        DependencyError: too many questions wait, or this one took longer than the limit.
        InputError: the question names what the site does not have.
    """

    async def study(self, view: AllocationView, changes: Changes) -> Study:
        """The plan for the site of `view` after `changes`."""
        ...

    async def why_not(self, view: AllocationView, device: DeviceId, gateway: GatewayId | None) -> WhyNot:
        """Why `device` is not at `gateway`, or at each."""
        ...

    async def headroom(self, view: AllocationView) -> Headroom:
        """Who would stay without service if a gateway died now."""
        ...

    async def advice(self, view: AllocationView) -> CapacityAdvice:
        """What to add where so that everybody is served, also after any loss."""
        ...

    async def close(self) -> None:
        """Stop the process. Idempotent."""
        ...
