"""What only REST says: receipts, a summary for people, the body of an approval."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from pydantic import Field

from tidegate.contracts.annotation import AnomalyLabel, AnomalyView
from tidegate.contracts.anomaly import Anomaly, DeviceState, Incident
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import CommandId, DeviceField, GatewayField, SiteField, SiteId, WholeField
from tidegate.contracts.letters import MAX_REPLAY_COUNT, ReplayRefusal
from tidegate.contracts.maintenance import MOST_WINDOW_DEVICES, MaintenanceView, WindowField, WindowTime
from tidegate.contracts.paging import AsOf
from tidegate.contracts.topology import DevicePlacement, Distance, Flow, Gateway, Topology
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.contracts.views import Balance, DecisionView, Explanation


@dataclass(frozen=True, slots=True)
class ReadingsReceipt:
    """The readings are durable on the log at this place; what each was worth is the worker's to say."""

    accepted: int
    site: SiteId
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class AcksReceipt:
    """The acks are durable on the log, the first of them at this place; what each was worth is the worker's to say."""

    accepted: int
    site: SiteId
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class CommandReceipt:
    """The command is durable on the log; `outcome` is the path that says what became of it."""

    id: CommandId
    site: SiteId
    kind: CommandKind
    outcome: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Approves exactly the plan with `digest`; another digest is refused."""

    digest: str
    issued_by: str = "anonymous"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """Who gives an order, and why. With access control on, whoever the credential says gives it."""

    reason: str = ""
    issued_by: str = "anonymous"


@dataclass(frozen=True, slots=True)
class Replacement:
    """Which gateway takes another one's devices, who says so, and why."""

    successor: GatewayField
    reason: str = ""
    issued_by: str = "anonymous"


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """What somebody says an anomaly was. A person's later label takes the place of their earlier one."""

    label: AnomalyLabel
    issued_by: str = "anonymous"
    note: str = ""


@dataclass(frozen=True, slots=True)
class MaintenanceRequest:
    """A maintenance window to declare, as `MaintenanceWindow`; one without an `id` gets the command's."""

    from_ms: WindowTime
    until_ms: WindowTime
    id: WindowField | None = None
    reason: str = ""
    devices: Annotated[list[DeviceField], msgspec.Meta(max_length=MOST_WINDOW_DEVICES), Field(max_length=MOST_WINDOW_DEVICES)] = (
        field(default_factory=list)
    )
    gateway: GatewayField | None = None
    weekly_until_ms: WindowTime | None = None
    issued_by: str = "anonymous"


@dataclass(frozen=True, slots=True)
class TopologyBody:
    """A whole topology as REST takes it: `site` is the path's, and a `revision` left out is the one in force plus one."""

    gateways: list[Gateway]
    devices: list[DevicePlacement]
    site: SiteField | None = None
    revision: WholeField | None = None
    schema_version: int = SCHEMA_VERSION
    flows: list[Flow] = field(default_factory=list)
    distances: list[Distance] = field(default_factory=list)

    def at(self, site: SiteId, revision: int) -> Topology:
        """This as the topology of `site` at `revision`, whatever itself says of both."""
        return Topology(site, revision, self.gateways, self.devices, flows=self.flows, distances=self.distances)


@dataclass(frozen=True, slots=True)
class TopologyReceipt:
    """The command that sets `revision` is durable on the log; `outcome` is the path that says what became of it."""

    id: CommandId
    site: SiteId
    kind: CommandKind
    outcome: str
    revision: int


@dataclass(frozen=True, slots=True)
class PastExplanation(Explanation):
    """An explanation as recorded: true of the device's reading at its `last_event_time_ms`, `distance_ms` before `at_ms`.

    `anomalies` of the device and maintenance `windows` over it are those in force at `at_ms`, by what is known now.
    """

    at_ms: int
    recorded_at_ms: int
    distance_ms: int
    anomalies: list[AnomalyView]
    windows: list[MaintenanceView]


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """How to replay a dead letter. `dry_run` only says what would be done.

    One whose original is a replay for the `max_replays`-th time is refused, and one replayed already, unless `again`.
    """

    dry_run: bool = False
    max_replays: Annotated[int, msgspec.Meta(ge=1, le=MAX_REPLAY_COUNT), Field(ge=1, le=MAX_REPLAY_COUNT)] = 1
    again: bool = False


@dataclass(frozen=True, slots=True)
class ReplayVerdict:
    """What became, or would become, of a dead letter's replay: `refusal` null means sent, or fit to be.

    `topic` and `partition` are where to; `offset` is null unless it was sent now.
    """

    letter: str
    refusal: ReplayRefusal | None
    detail: str
    topic: str
    partition: int
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole service at a glance.

    `readings_per_second` is over the last ten seconds, null at the first question. `pending` and `lag` count records of
    input not yet taken in, in all and by topic. `devices` counts devices by state. The newest few facts come first.
    """

    version: str
    uptime_seconds: float
    bundles: dict[str, str]
    readings_per_second: float | None
    balance: Balance
    pending: int
    lag: dict[str, int]
    sites: int
    devices: dict[DeviceState, int]
    anomalies: list[Anomaly]
    incidents: list[Incident]
    decisions: list[DecisionView]
    as_of: AsOf
