"""Gateways that are taken out of use: emptied like drained ones, closed for good, and told of when they serve nobody."""

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Decision, DecisionStatus, Trigger
from tidegate.core.allocation.life import without_plan
from tidegate.core.allocation.site import Site
from tidegate.core.identity import fact_id


def emptied(site: Site, now_ms: int) -> list[Decision]:
    """The facts that decommissioned gateways are empty since tick `now_ms`; one that serves somebody again is not any more."""
    facts = []
    for gateway, since_ms in sorted(site.decommissioned.items()):
        empty = not _in_use(site, gateway)
        if empty and since_ms is None:
            facts.append(_empty(site, gateway, now_ms))
            site.decommissioned[gateway] = now_ms
        elif not empty:
            site.decommissioned[gateway] = None
    return facts


def _in_use(site: Site, gateway: GatewayId) -> bool:
    """Whether anybody is assigned to `gateway`, comes to it, or may still be served by it under a lease."""
    if any(each.gateway == gateway for each in site.assignments.values()):
        return True
    hand_overs = (transfer.handover for transfer in site.transfers.values())
    return any(each.target == gateway or (each.holder is not None and each.holder.gateway == gateway) for each in hand_overs)


def _empty(site: Site, gateway: GatewayId, now_ms: int) -> Decision:
    fact = fact_id("decommission", site.id, gateway, now_ms)
    reason = f"gateway {gateway} is decommissioned and serves nobody: it can be taken away"
    return without_plan(site, fact, DecisionStatus.APPLIED, Trigger.GATEWAY_DRAINED, reason, now_ms)
