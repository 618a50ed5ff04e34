"""What allocation says in one call: facts to publish and plans to ask for."""

from dataclasses import dataclass, field

from tidegate.contracts.ids import PlanId
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus
from tidegate.core.allocation.model import PlanRequest


@dataclass(slots=True)
class AllocationResult:
    """Facts in the order in which they happened. `requests` go to the planner, at most one per site in flight."""

    decisions: list[Decision] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    requests: list[PlanRequest] = field(default_factory=list)

    @property
    def plan_made(self) -> PlanId | None:
        """The plan that was asked for or proposed, None when neither."""
        asked = [request.id for request in self.requests]
        proposed = [decision.plan_id for decision in self.decisions if decision.status is DecisionStatus.PROPOSED]
        return next(iter(asked + proposed), None)
