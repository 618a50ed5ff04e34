"""The story of `examples`, told on: what an operator asks of a site's allocation. Real values of the contracts."""

from typing import Final

from tidegate.api.examples import TOPOLOGY, without_nulls
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import CommandId
from tidegate.contracts.rest import CommandReceipt, Order, TopologyBody, TopologyReceipt

_SITE: Final = TOPOLOGY.site

ORDER: Final = Order("firmware of gw-a", "anna")
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
