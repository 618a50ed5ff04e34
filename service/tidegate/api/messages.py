"""What only REST says: receipts, a summary for people, the body of an approval."""

from dataclasses import dataclass

from tidegate.contracts.anomaly import Anomaly, DeviceState, Incident
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import CommandId, SiteId
from tidegate.contracts.paging import AsOf
from tidegate.contracts.views import Balance, DecisionView


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
