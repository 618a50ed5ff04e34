"""What applied plans changed, so that it can be taken back: bounded, oldest plans forgotten first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.contracts.ids import DeviceId, GatewayId, PlanId
from tidegate.contracts.plan import Decision, Trigger
from tidegate.contracts.resources import Resources

MAX_APPLIED: Final = 20
"""Plans per site that can still be undone: at one plan in five minutes the last hour and a half (our choice)."""

MAX_FORMERS: Final = 50_000
"""Devices per site whose former places are remembered, over all plans: some 10 MB. The last plan is kept whatever its size."""


@dataclass(frozen=True, slots=True)
class Former:
    """Where a plan found `device` and with what grant; `epoch` is the one that the plan gave it."""

    device: DeviceId
    gateway: GatewayId | None
    grant: Resources
    epoch: int


@dataclass(frozen=True, slots=True)
class Applied:
    """An applied plan: what its facts repeat, the number of its last one, and where its devices were, in its order.

    `undone_by` is the last plan that returned devices of it; `formers` are those that were not returned.
    """

    plan: PlanId
    version: int
    digest: str
    trigger: Trigger
    move_count: int
    unserved_count: int
    formers: list[Former]
    undone_by: PlanId | None = None

    @classmethod
    def by(cls, fact: Decision, formers: list[Former]) -> "Applied":
        """The plan that `fact` says was applied, which found its devices as `formers` say."""
        return cls(fact.plan_id, fact.version, fact.digest, fact.trigger, fact.move_count, fact.unserved_count, formers)

    def without(self, returned: set[DeviceId], undone_by: PlanId) -> "Applied":
        """After `undone_by` returned `returned`: one fact more, so many devices fewer."""
        left = [former for former in self.formers if former.device not in returned]
        return replace(self, version=self.version + 1, formers=left, undone_by=undone_by)


class AppliedPlans:
    """The last applied plans of a site, by id, oldest first."""

    def __init__(self, plans: Sequence[Applied] = ()) -> None:
        self._plans = {plan.plan: plan for plan in plans}

    def remember(self, plan: Applied) -> None:
        """Keep `plan`, in place of what was known of it; forget the oldest beyond the bounds."""
        self._plans[plan.plan] = plan
        while len(self._plans) > 1 and (len(self._plans) > MAX_APPLIED or self._formers() > MAX_FORMERS):
            del self._plans[next(iter(self._plans))]

    def get(self, plan: PlanId | None) -> Applied | None:
        """What is known of `plan`."""
        return None if plan is None else self._plans.get(plan)

    def export(self) -> list[Applied]:
        """All of them, for a snapshot."""
        return list(self._plans.values())

    def _formers(self) -> int:
        return sum(len(plan.formers) for plan in self._plans.values())
