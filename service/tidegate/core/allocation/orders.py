"""Standing orders of an operator: drain, replace, decommission, cordon, freeze, stop, and taking them back.

They take effect with the next review.
"""

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import DecisionStatus, Trigger
from tidegate.core.allocation.life import Life
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.site import Site
from tidegate.core.allocation.transfers import Transfers
from tidegate.errors import CommandRefused


def give(site: Site, command: Command, settings: AllocationSettings, now_ms: int) -> AllocationResult:
    """Put a standing order in force, or take it back. Repeating an order changes nothing.

    Stopping also drops the plan that is being made, closes the one that waits for approval and calls off hand-overs that have
    taken nothing from anybody yet; freezing keeps all of them.

    Raises:
        CommandRefused: the topology has no such gateway, it is (or is not) decommissioned, or a successor takes nobody.
    """
    result = AllocationResult()
    stood = site.draining.copy(), site.replaced.copy()
    match command.kind:
        case CommandKind.DRAIN:
            site.draining.add(_gateway(site, command))
        case CommandKind.CORDON:
            site.cordoned.add(_gateway(site, command))
        case CommandKind.REPLACE:
            _replace(site, _gateway(site, command), command)
        case CommandKind.DECOMMISSION:
            gateway = _gateway(site, command)
            site.draining.add(gateway)
            site.decommissioned.setdefault(gateway, None)
        case CommandKind.UNCORDON | CommandKind.RECOMMISSION:
            _reopen(site, _gateway(site, command), command.kind)
        case CommandKind.FREEZE | CommandKind.THAW:
            site.frozen = command.kind is CommandKind.FREEZE
        case CommandKind.STOP_ALLOCATION:
            site.stopped, site.in_flight = True, None
            life = Life(site, now_ms, result, command.issued_by, command.id)
            life.close(DecisionStatus.REFUSED, f"allocation stopped by {command.issued_by}")
            life.halt(f"allocation stopped by {command.issued_by}")
            result.assignments += Transfers(site, settings, now_ms).stop()
        case CommandKind.RESUME_ALLOCATION:
            site.stopped = False
        case _:
            raise CommandRefused(f"{command.kind} is not a standing order")
    if stood != (site.draining, site.replaced):
        _plan_anew(site)
    return result


def _plan_anew(site: Site) -> None:
    """Let no answer to the orders that stood before keep a plan from being made for those of now."""
    site.ask_again(Trigger.GATEWAY_DRAINED)
    if site.in_flight is not None and site.in_flight.trigger is Trigger.GATEWAY_DRAINED:
        site.in_flight = None


def _replace(site: Site, gateway: GatewayId, command: Command) -> None:
    """Drain `gateway` towards the successor, which has to be another one that takes devices."""
    successor = _named(site, command.successor)
    shut = {"draining": site.draining, "cordoned": site.cordoned, "silent": site.silent, "the same": {gateway}}
    for word, gateways in shut.items():
        if successor in gateways:
            raise CommandRefused(f"gateway {successor!r} cannot replace {gateway!r}: it is {word}", advice="name an open gateway")
    site.draining.add(gateway)
    site.replaced[gateway] = successor


def _reopen(site: Site, gateway: GatewayId, kind: CommandKind) -> None:
    """Open `gateway` by the order that is meant for how it was closed: nobody opens by habit what was closed for good."""
    closed_for_good = gateway in site.decommissioned
    if closed_for_good and kind is CommandKind.UNCORDON:
        raise CommandRefused(f"gateway {gateway!r} is decommissioned", advice="recommission it")
    if not closed_for_good and kind is CommandKind.RECOMMISSION:
        raise CommandRefused(f"gateway {gateway!r} is not decommissioned", advice="uncordon takes back drain and cordon")
    _open(site, gateway)


def _open(site: Site, gateway: GatewayId) -> None:
    """Trust `gateway` again: no drain, no successor, no cordon, no hold after its past deaths, no suspicion."""
    site.draining.discard(gateway)
    site.replaced.pop(gateway, None)
    site.decommissioned.pop(gateway, None)
    site.cordoned.discard(gateway)
    site.unwilling.pop(gateway, None)
    if gateway not in site.silent:
        site.deaths.pop(gateway, None)
        site.suspicions.pop(gateway, None)


def _gateway(site: Site, command: Command) -> GatewayId:
    return _named(site, command.gateway)


def _named(site: Site, gateway: GatewayId | None) -> GatewayId:
    if gateway is None or gateway not in site.gateway_names():
        raise CommandRefused(
            f"gateway {gateway!r} is not in revision {site.topology.revision} of site {site.id!r}",
            advice="use a gateway of the topology",
        )
    return gateway
