"""What became of a command: carried out or refused, and why. One fact per command, on the outcomes topic."""

from dataclasses import dataclass

from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import CommandId, PlanId, SiteId
from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """`accepted` false means nothing changed; `reason` says why and what to do. A repeated command id gets no second fact.

    `plan_id` names the plan that the command made, or asked for and that will be decided about under this id.
    """

    command: CommandId
    site: SiteId
    kind: CommandKind
    issued_by: str
    accepted: bool
    reason: str
    decided_at_ms: int
    schema_version: int = SCHEMA_VERSION
    plan_id: PlanId | None = None
