"""Commands: what an operator, an API client or the planner asks of a site. Imperative; refused or turned into facts.

One flat dataclass: which fields a kind needs is the table `REQUIRED_FIELDS`, checked by `check_command`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.codec import digest
from tidegate.contracts.ids import (
    MAX_ID_LENGTH,
    AnomalyField,
    CommandField,
    CommandId,
    DeviceField,
    GatewayField,
    IncidentField,
    PlanField,
    ProfileField,
    SiteField,
    WholeField,
)
from tidegate.contracts.maintenance import MaintenanceWindow, WindowField, check_window
from tidegate.contracts.plan import Plan
from tidegate.contracts.profile import Profile
from tidegate.contracts.profile_rules import check_profiles
from tidegate.contracts.topology import Topology, check_topology
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import InputError


class CommandKind(StrEnum):
    """What is asked."""

    SET_TOPOLOGY = "set-topology"
    REQUEST_PLAN = "request-plan"
    SUBMIT_PLAN = "submit-plan"
    APPROVE_PLAN = "approve-plan"
    REFUSE_PLAN = "refuse-plan"
    UNDO_PLAN = "undo-plan"
    DRAIN = "drain"
    REPLACE = "replace"
    DECOMMISSION = "decommission"
    RECOMMISSION = "recommission"
    CORDON = "cordon"
    UNCORDON = "uncordon"
    FREEZE = "freeze"
    THAW = "thaw"
    STOP_ALLOCATION = "stop-allocation"
    RESUME_ALLOCATION = "resume-allocation"
    ACKNOWLEDGE_ANOMALY = "acknowledge-anomaly"
    ACKNOWLEDGE_INCIDENT = "acknowledge-incident"
    LABEL_ANOMALY = "label-anomaly"
    DECLARE_MAINTENANCE = "declare-maintenance"
    CANCEL_MAINTENANCE = "cancel-maintenance"
    CONFIGURE_PROFILES = "configure-profiles"
    ACTIVATE_BUNDLE = "activate-bundle"


@dataclass(frozen=True, slots=True)
class Command:
    """A request about one site.

    `id` makes a repeat recognisable: the second command of an id has no effect. `issued_by` is who asks. `digest` must
    equal the plan's when a plan is approved, and that of the site's profiles in force, if it is given, when they are changed.
    A topology with `if_revision` replaces exactly that revision, 0 for none at all. `submit-plan` is the planner's own way back
    in and is not taken by REST. Of an acknowledgement or a label `reason` is the note; whether there is such an anomaly is not
    asked, for only those still going on are known where commands are decided. `profiles` are all that the site is to have of
    its own, in place of those it has; `bundle` is `name/version`, to serve `profile`. `successor` takes the devices of a
    `gateway` that it replaces, as far as it can.
    """

    id: CommandField
    site: SiteField
    kind: CommandKind
    issued_by: str = "anonymous"
    reason: str = ""
    topology: Topology | None = None
    gateway: GatewayField | None = None
    device: DeviceField | None = None
    plan: Plan | None = None
    plan_id: PlanField | None = None
    digest: str | None = None
    schema_version: int = SCHEMA_VERSION
    if_revision: WholeField | None = None
    anomaly_id: AnomalyField | None = None
    incident_id: IncidentField | None = None
    label: AnomalyLabel | None = None
    window: MaintenanceWindow | None = None
    window_id: WindowField | None = None
    profiles: list[Profile] | None = None
    profile: ProfileField | None = None
    bundle: str | None = None
    successor: GatewayField | None = None


REQUIRED_FIELDS: Final[dict[CommandKind, tuple[str, ...]]] = {
    CommandKind.SET_TOPOLOGY: ("topology",),
    CommandKind.REQUEST_PLAN: (),
    CommandKind.SUBMIT_PLAN: ("plan",),
    CommandKind.APPROVE_PLAN: ("plan_id", "digest"),
    CommandKind.REFUSE_PLAN: ("plan_id",),
    CommandKind.UNDO_PLAN: ("plan_id",),
    CommandKind.DRAIN: ("gateway",),
    CommandKind.REPLACE: ("gateway", "successor"),
    CommandKind.DECOMMISSION: ("gateway",),
    CommandKind.RECOMMISSION: ("gateway",),
    CommandKind.CORDON: ("gateway",),
    CommandKind.UNCORDON: ("gateway",),
    CommandKind.FREEZE: (),
    CommandKind.THAW: (),
    CommandKind.STOP_ALLOCATION: (),
    CommandKind.RESUME_ALLOCATION: (),
    CommandKind.ACKNOWLEDGE_ANOMALY: ("anomaly_id",),
    CommandKind.ACKNOWLEDGE_INCIDENT: ("incident_id",),
    CommandKind.LABEL_ANOMALY: ("anomaly_id", "label"),
    CommandKind.DECLARE_MAINTENANCE: ("window",),
    CommandKind.CANCEL_MAINTENANCE: ("window_id",),
    CommandKind.CONFIGURE_PROFILES: ("profiles",),
    CommandKind.ACTIVATE_BUNDLE: ("profile", "bundle"),
}

NOTES: Final = frozenset(
    {
        CommandKind.ACKNOWLEDGE_ANOMALY,
        CommandKind.ACKNOWLEDGE_INCIDENT,
        CommandKind.LABEL_ANOMALY,
        CommandKind.DECLARE_MAINTENANCE,
        CommandKind.CANCEL_MAINTENANCE,
    }
)
"""Kinds whose words are kept and shown, hence bounded."""

MOST_NOTE_CHARACTERS: Final = 1000
"""Of their `reason`."""


def check_command(command: Command) -> None:
    """Raise when `command` lacks a field its kind needs, or its topology or plan is of another site.

    Raises:
        InputError: a field is missing or names another site, or a maintenance window or profile breaks a rule of its own.
        AllocationError: the topology breaks a rule of its own.
    """
    missing = [name for name in REQUIRED_FIELDS[command.kind] if getattr(command, name) is None]
    if missing:
        raise InputError(f"command {command.kind} needs {', '.join(missing)}", advice="add the missing fields")
    for part in (command.topology, command.plan):
        if part is not None and part.site != command.site:
            raise InputError(f"command for site {command.site!r} carries a part of site {part.site!r}")
    if command.topology is not None:
        check_topology(command.topology)
    if command.window is not None:
        check_window(command.window)
    if command.kind in NOTES and len(command.reason) > MOST_NOTE_CHARACTERS:
        raise InputError(f"the note has {len(command.reason)} characters, expected at most {MOST_NOTE_CHARACTERS}")
    if command.kind in NOTES and len(command.issued_by) > MAX_ID_LENGTH:
        raise InputError(f"issued_by has {len(command.issued_by)} characters, expected at most {MAX_ID_LENGTH}")
    if command.profiles is not None:
        check_profiles(command.profiles)


def command_digest(command: Command) -> str:
    """What `command` asks, whatever its id: equal digests ask the same."""
    return digest(replace(command, id=CommandId("-")))
