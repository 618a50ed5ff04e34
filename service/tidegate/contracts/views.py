"""What REST shows of the live state and of what became of commands and plans. Never stored, never on a topic."""

from dataclasses import dataclass, field
from enum import StrEnum

from tidegate.contracts.anomaly import DeviceState, Reason
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import AnomalyId, CommandId, DeviceId, GatewayId, MetricName, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Decision, DecisionStatus, Plan, PlanScore, Progress, Trigger
from tidegate.contracts.resources import Resources


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device after its last committed reading. `score` 0 to 1 and `neg_log10_p` are null until it can be judged.

    `unrest` is the evidence of all its streams over about ten readings, in decades: what to rank devices by, as it knows also
    what is slow; no alarm goes by it. Null as `score` is. `censored` names the resources of which it uses all that it is
    given, so that it may need more than its samples say, as of the last review of its site's allocation.
    """

    site: SiteId
    device: DeviceId
    profile: ProfileName
    gateway: GatewayId | None
    state: DeviceState
    readings: int
    last_event_time_ms: int
    score: float | None
    neg_log10_p: float | None
    anomaly: AnomalyId | None
    metrics: dict[MetricName, float | None]
    unrest: float | None = None
    censored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MetricPart:
    """One metric's part in a device's score, and which next value of it would raise an alarm by itself, in its unit.

    `share` (0 to 1) is of the evidence, `without` the −log10 p that the reading would have without it; null when it could not
    be judged. `metric` is null for what is not one metric's: readings that are missing. A next reading at or below
    `fires_below`, or at or above `fires_above`, alarms while the other metrics are as expected; null: no value does, or
    not asked (of the past nobody knows, and of devices with many metrics only the foremost are asked).
    """

    metric: MetricName | None
    share: float
    without: float | None = None
    fires_below: float | None = None
    fires_above: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why `device` alarms, or why not: its score against the threshold, each stream's part, and what holds an alarm back.

    `threshold` is in −log10 p. `suppressed_by` names rules in words (empty when nothing held an alarm back);
    `would_fire` says what it would have taken. `parts` are the metrics' shares in the score, the largest first, and
    `how_often` says in words how often the device comes to such a score.
    """

    device: DeviceView
    threshold: float
    alarming: bool
    streams: list[Reason]
    suppressed_by: list[str]
    would_fire: str
    bundle: str
    policy: str
    how_often: str = field(default="", kw_only=True)
    parts: list[MetricPart] = field(default_factory=list, kw_only=True)


@dataclass(frozen=True, slots=True)
class Balance:
    """Where every reading went: `received` = scored + duplicate + quarantined + dead_lettered (pending is the lag before it)."""

    received: int = 0
    scored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dead_lettered: int = 0


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site in numbers. `topology_revision` is null until a topology was set; `devices` counts those heard of, by state.

    `holds` says in words what keeps plans from being made or carried out, weightiest first. `unplaced` names devices that
    send readings but are not in the topology, hence not allocated; 20 at most.
    """

    site: SiteId
    topology_revision: int | None
    gateways: int
    devices: dict[DeviceState, int] = field(default_factory=dict)
    holds: list[str] = field(default_factory=list)
    unplaced: list[DeviceId] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway of a topology: how many devices are assigned to it, what orders stand, and when it last spoke of itself.

    `silent`: its devices fell silent together. A heartbeat does not take that back, for it vouches for the gateway's
    controller and not for what its devices get through it. `heartbeat_sent_at_ms` is by the gateway's clock,
    `heartbeat_heard_at_ms` by ours; null until the first. `suspicion` (0 to 1) is how little it is trusted, `withheld` (0 to 1)
    the share of its capacity that nobody new is given therefore, and `suspected_of` says why; empty while nothing is withheld.
    `censored` of its devices use all that they are given of some resource, so that they may need more than their samples say.
    `granted` is what it has set aside in all, also for devices on their way; `short` of them have less than
    they ask. `replaced_by` takes its devices first. A `decommissioned` one can be taken away when it is empty, `empty_since_ms`
    by our ticks.
    """

    site: SiteId
    gateway: GatewayId
    devices: int
    silent: bool
    draining: bool
    cordoned: bool
    heartbeat_sent_at_ms: int | None
    heartbeat_heard_at_ms: int | None
    suspicion: float = field(default=0.0, kw_only=True)
    withheld: float = field(default=0.0, kw_only=True)
    suspected_of: str = field(default="", kw_only=True)
    censored: int = field(default=0, kw_only=True)
    granted: Resources = field(default_factory=dict, kw_only=True)
    short: int = field(default=0, kw_only=True)
    replaced_by: GatewayId | None = field(default=None, kw_only=True)
    decommissioned: bool = field(default=False, kw_only=True)
    empty_since_ms: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Health:
    """`alive`: restarting would not help. `ready`: making progress; otherwise `reasons` say what is in the way."""

    alive: bool
    ready: bool
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PartitionView:
    """A partition that this process works. `digest`, if asked for, is of the state after `sequence` journaled batches.

    Both are null until it is restored; `reasons` say what keeps it from making progress. Equal sequences of a partition have
    equal digests, in whichever process and after whatever recovery. The last of those batches may not be committed yet.
    """

    partition: int
    sequence: int | None = None
    digest: str | None = None
    reasons: list[str] = field(default_factory=list)


class CommandStatus(StrEnum):
    """What became of a command; `pending` until the worker that owns its site has decided."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command and its outcome. `reason` says why it was refused; `decided_at_ms` is null while it is pending.

    `digest` is of what was asked, the id apart; empty where that is no longer known. `plan_id` names the plan that it made or
    asked for.
    """

    id: CommandId
    site: SiteId
    kind: CommandKind
    issued_by: str
    status: CommandStatus
    reason: str = ""
    decided_at_ms: int | None = None
    digest: str = ""
    plan_id: PlanId | None = None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A plan as its latest fact left it. `before` and `after` are null when the first fact is no longer kept.

    `progress` is that of the last wave; null of a plan that is carried out at once.
    """

    plan_id: PlanId
    site: SiteId
    trigger: Trigger
    status: DecisionStatus
    proposed_at_ms: int
    decided_at_ms: int
    decided_by: str
    reason: str
    digest: str
    move_count: int
    unserved_count: int
    before: PlanScore | None
    after: PlanScore | None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class DecisionHistory:
    """Everything known of one plan: where it stands, the plan itself, and each fact of its life in order."""

    decision: DecisionView
    plan: Plan | None
    facts: list[Decision]


@dataclass(frozen=True, slots=True)
class TopologyRevision:
    """A topology that came into force: which, by whose command, when (Unix ms, by the worker's ticks), and how large it is."""

    site: SiteId
    revision: int
    issued_by: str
    command: CommandId
    accepted_at_ms: int
    gateways: int
    devices: int
