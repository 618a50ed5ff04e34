"""Time, and plans computed in another process."""

from typing import Protocol

from tidegate.contracts.plan import Plan
from tidegate.core.allocation.model import PlanRequest


class Planner(Protocol):
    """Computes plans outside the worker's process, so that a long search never delays a score.

    May be slow; may fail and be called again with the same request, which gives the same plan. Holds no state.
    """

    async def plan(self, request: PlanRequest) -> Plan:
        """Return a plan for `request`, digest included.

        Raises:
            DependencyError: the planner process died or took longer than its limit.
        """
        ...

    async def close(self) -> None:
        """Stop the process. Idempotent."""
        ...


class Clock(Protocol):
    """The only way to the time of day; moved by hand in tests."""

    def now_ms(self) -> int:
        """Unix time in milliseconds; may step back."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        ...
