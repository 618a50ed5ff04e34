"""Standing orders of an operator: drain, cordon, freeze, stop, and taking them back. They take effect with the next review."""

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import DecisionStatus
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
        CommandRefused: the topology has no such gateway.
    """
    result = AllocationResult()
    match command.kind:
        case CommandKind.DRAIN:
            site.draining.add(_gateway(site, command))
        case CommandKind.CORDON:
            site.cordoned.add(_gateway(site, command))
        case CommandKind.UNCORDON:
            _open(site, _gateway(site, command))
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
    return result


def _open(site: Site, gateway: GatewayId) -> None:
    """Trust `gateway` again: no drain, no cordon, no hold after its past deaths, no suspicion."""
    site.draining.discard(gateway)
    site.cordoned.discard(gateway)
    site.unwilling.pop(gateway, None)
    if gateway not in site.silent:
        site.deaths.pop(gateway, None)
        site.suspicions.pop(gateway, None)


def _gateway(site: Site, command: Command) -> GatewayId:
    if command.gateway is None or command.gateway not in site.gateway_names():
        raise CommandRefused(
            f"gateway {command.gateway!r} is not in revision {site.topology.revision} of site {site.id!r}",
            advice="use a gateway of the topology",
        )
    return command.gateway
