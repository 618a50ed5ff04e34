"""The story of `examples`, told on: what an operator asks of a site's allocation. Real values of the contracts."""

from typing import Final

from tidegate.api.examples import PLAN, TOPOLOGY, without_nulls
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId
from tidegate.contracts.paging import AsOf, Page
from tidegate.contracts.resources import CPU_MILLICORES
from tidegate.contracts.rest import CommandReceipt, Order, Replacement, TopologyBody, TopologyReceipt
from tidegate.contracts.studies import (
    Addition,
    CapacityAdvice,
    Filling,
    Headroom,
    Loss,
    LossOutcome,
    Proposal,
    Study,
    WhyNot,
    WhyNotThere,
)
from tidegate.contracts.topology_report import Difference, Differing, Finding, FindingSeverity, TopologyReport
from tidegate.contracts.views import TopologyRevision

_SITE: Final = TOPOLOGY.site

ORDER: Final = Order("firmware of gw-a", "anna")
REPLACEMENT: Final = Replacement(GatewayId("gw-b"), "new hardware", "anna")
REFUSAL_RECEIPT: Final = CommandReceipt(
    CommandId("shift-2-refuse"), _SITE, CommandKind.REFUSE_PLAN, "/v1/commands/shift-2-refuse"
)
UNDO_RECEIPT: Final = CommandReceipt(CommandId("shift-2-undo"), _SITE, CommandKind.UNDO_PLAN, "/v1/commands/shift-2-undo")

TOPOLOGY_BODY: Final = {
    name: value
    for name, value in without_nulls(to_builtins(TopologyBody(TOPOLOGY.gateways, TOPOLOGY.devices))).items()
    if name != "schema_version"
}
TOPOLOGY_RECEIPT: Final = TopologyReceipt(
    CommandId("shift-2-topology"), _SITE, CommandKind.SET_TOPOLOGY, "/v1/commands/shift-2-topology", TOPOLOGY.revision + 1
)

_HOLDS: Final = ["the site is frozen"]
_NOW_MS: Final = PLAN.requested_at_ms

PROPOSALS: Final = {"dry run": Proposal(), "for real": Proposal(dry_run=False, reason="before the night shift", issued_by="anna")}
PLAN_RECEIPT: Final = CommandReceipt(CommandId("shift-2-plan"), _SITE, CommandKind.REQUEST_PLAN, "/v1/commands/shift-2-plan")
CHANGES: Final = {
    "a gateway dies": {"fail": ["gw-a"]},
    "a gateway is drained": {"drain": ["gw-a"]},
    "gw-b takes the place of gw-a": {"replace": {"gw-a": "gw-b"}},
    "demand doubles": {"scale": 2.0},
    "twenty pumps peak, and gw-b gets more": {"scale_profiles": {"pump": 1.5}, "capacity": {"gw-b": {CPU_MILLICORES: 4000.0}}},
    "one more pump": {"add_devices": [{"id": "pump-9", "profile": "pump", "demand": {CPU_MILLICORES: 120.0}}]},
    "as it stands": {},
}
STUDY: Final = Study(_SITE, _NOW_MS, PLAN.before, PLAN, _HOLDS)
HEADROOM: Final = Headroom(
    site=_SITE,
    as_of_ms=_NOW_MS,
    computed_at_ms=_NOW_MS + 40,
    unserved_now=0,
    losses=[
        Loss(
            gateways=[GatewayId("gw-a")],
            failure_domain=None,
            devices=118,
            moved=97,
            unserved=21,
            named=[DeviceId("pump-7")],
            overload=0.0,
            outcome=LossOutcome.PROVEN_UNPLACEABLE,
            surely_unserved=19,
            short={CPU_MILLICORES: 840.0},
        )
    ],
    not_computed=[],
)
CAPACITY_ADVICE: Final = CapacityAdvice(
    site=_SITE,
    as_of_ms=_NOW_MS,
    additions=[Addition(GatewayId("gw-b"), {CPU_MILLICORES: 840.0})],
    unserved=0,
    losses=1,
    unserved_then=0,
    losses_then=0,
    losses_not_computed=0,
    growth=1.4,
    fillings=[Filling(CPU_MILLICORES, 41.0, 33.0, 55.0, 26.5)],
    days_watched=28,
)
WHY_NOT: Final = WhyNot(
    site=_SITE,
    device=DeviceId("pump-1"),
    assigned_to=GatewayId("gw-a"),
    as_of_ms=_NOW_MS,
    holds=[],
    gateways=[
        WhyNotThere(GatewayId("gw-a"), is_there=True),
        WhyNotThere(GatewayId("gw-b"), False, "room", "cpu_millicores short by 40"),
        WhyNotThere(
            gateway=GatewayId("gw-c"),
            is_there=False,
            gains={"unserved": 0.0, "misplaced": 0.0, "overload": 0.0, "latency": 0.0, "cost": 0.0004},
            decided_by="cost",
            kept_by=["it saves 0.0004 per hour, and a move for cost alone must save more than 0.0005"],
        ),
    ],
)
TOPOLOGY_REVISIONS: Final = Page(
    [TopologyRevision(_SITE, 3, "anna", CommandId("shift-1-topology"), _NOW_MS, len(TOPOLOGY.gateways), len(TOPOLOGY.devices))],
    None,
    AsOf(_NOW_MS, {"tidegate.outcomes.v1": [42]}),
)
TOPOLOGY_REPORT: Final = TopologyReport(
    site=_SITE,
    in_force=3,
    revision=4,
    valid=False,
    errors=1,
    warnings=1,
    findings=[
        Finding(
            FindingSeverity.ERROR,
            "gateway-unknown",
            "#/devices/0/reach/1/gateway",
            "device 'pump-1' names gateway 'gw-x', which the topology does not have",
            "add the gateway or correct the name",
        ),
        Finding(
            FindingSeverity.WARNING,
            "failure-domain-missing",
            "#/gateways/1/failure_domain",
            "gateway gw-b is in no failure domain: what it fails together with is not known",
            "name its rack, hall or uplink",
        ),
    ],
    gateways=Difference([], [], [Differing("gw-b", ["failure_domain"])], 0, 0, 1),
    devices=Difference([], [], [Differing("pump-1", ["reach"])], 0, 0, 1),
)
