"""What is wrong or doubtful about a topology, and how it differs from the one in force. Said before anything is changed."""

from dataclasses import dataclass, field
from enum import StrEnum

from tidegate.contracts.ids import SiteId


class FindingSeverity(StrEnum):
    """`error`: the topology would be refused. `warning`: it would be taken, and may not be what was meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: where (`pointer`, RFC 6901), which kind (`code`, stable), what with its values, and what to do."""

    severity: FindingSeverity
    code: str
    pointer: str
    detail: str
    advice: str


@dataclass(frozen=True, slots=True)
class Differing:
    """Something that both revisions have, and which of its fields differ."""

    id: str
    fields: list[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Gateways, devices, flows or distances of two revisions; of the latter two the name is of both ends.

    At most 1,000 of each kind are named, the counts are of all.
    """

    added: list[str]
    removed: list[str]
    changed: list[Differing]
    added_count: int = 0
    removed_count: int = 0
    changed_count: int = 0


@dataclass(frozen=True, slots=True)
class TopologyReport:
    """`valid` means that the topology would be taken now. At most 1,000 findings are listed, errors first; the counts are of all.

    `in_force` is the revision that it would replace, null for none; then everything is added. Differences are null where
    the body is not even of a topology's shape.
    """

    site: SiteId
    in_force: int | None
    revision: int | None
    valid: bool
    errors: int
    warnings: int
    findings: list[Finding] = field(default_factory=list)
    gateways: Difference | None = None
    devices: Difference | None = None
    flows: Difference | None = None
    distances: Difference | None = None
