"""All sites of one partition: takes commands and reviews, answers with facts and with plans to ask for.

Reads no clock and draws no random number: `now_ms` is the journal's tick, identifiers derive from site and tick. Equal calls
in equal order give equal facts and equal state.

Safety, in this order: kill switch, freeze, mass-failure guard, evacuation of the dead, approval, waves, move limit, hysteresis.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import digest as message_digest
from tidegate.contracts.codec import pack
from tidegate.contracts.command import Command, CommandKind, check_command
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Assignment, Plan, PlanScore, Trigger
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import GatewayView
from tidegate.core.allocation import lifecycle, orders, state, suspects
from tidegate.core.allocation.asking import ask_for_needs, ask_for_operator, question
from tidegate.core.allocation.carry_out import go_on, watch
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.granting import renew_grants, short_of
from tidegate.core.allocation.ground import profile_constants
from tidegate.core.allocation.guard import disbelief, guarded
from tidegate.core.allocation.hearing import gateway_views, hear
from tidegate.core.allocation.life import Life
from tidegate.core.allocation.model import AllocationView, PlanRequest, Terms
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.retirement import emptied
from tidegate.core.allocation.site import Site
from tidegate.core.allocation.standing import problem_now
from tidegate.core.allocation.topology_change import set_topology
from tidegate.core.allocation.transfers import Transfers
from tidegate.core.allocation.undo import undo
from tidegate.core.condition import Conditions, nothing_heard
from tidegate.core.demand import SiteDemand
from tidegate.core.detection.results import Trouble
from tidegate.core.identity import fact_id
from tidegate.errors import CommandRefused, InputError

MAX_SEEN_COMMANDS: Final = 10_000
"""Command ids remembered per partition, oldest forgotten first; a repeat older than that is judged by the state alone."""

__all__ = ["AllocationResult", "Allocator"]


class Allocator:
    """The allocation state of one partition's sites. Everything it knows came in by a call, and leaves by `export_state`."""

    def __init__(self, configuration: CoreConfiguration, conditions: Conditions = nothing_heard) -> None:
        """`conditions` are asked for while a plan is carried out in waves: of its devices, and about the last batch."""
        self._conditions = conditions
        self._sites: dict[SiteId, Site] = {}
        self._seen: dict[tuple[SiteId, CommandId], None] = {}
        self._configuration = configuration
        self._settings_digest = message_digest(configuration.allocation)

    def configure(self, configuration: CoreConfiguration) -> None:
        """Put `configuration` in force. Plans asked for under other settings are not taken any more; demand is told anew."""
        before = self._configuration
        if configuration == before:
            return
        self._configuration = configuration
        self._settings_digest = message_digest(configuration.allocation)
        of_sites_only = replace(before, site_profiles=configuration.site_profiles) == configuration
        for site in self._sites.values():
            if of_sites_only and before.site_profiles.get(site.id) == configuration.site_profiles.get(site.id):
                continue
            site.replace_ground(configuration)
            if site.in_flight is not None and site.in_flight.settings_digest != self._settings_digest:
                site.in_flight = None

    # Commands

    def has_seen(self, command: Command) -> bool:
        """True when a command of this id was handled (accepted or refused) before: it has no effect now."""
        return (command.site, command.id) in self._seen

    def handle(self, command: Command, now_ms: int) -> AllocationResult:
        """Carry out `command` at tick `now_ms`; nothing happens on a repeated id. A refused command changes nothing else.

        Raises:
            CommandRefused: the state does not allow it (stale digest, unknown gateway, revision not rising, ...).
            InputError: a field that the kind needs is missing.
            AllocationError: its topology breaks a rule of its own.
        """
        if self.has_seen(command):
            return AllocationResult()
        self.remember(command)
        check_command(command)
        if command.kind is CommandKind.SET_TOPOLOGY:
            return self._set_topology(command, now_ms)
        site = self._sites.get(command.site)
        if site is None:
            raise CommandRefused(f"site {command.site!r} has no topology", advice="send set-topology first")
        result = self._obey(site, command, now_ms)
        watch(Life(site, now_ms, result), self._conditions)
        return result

    def remember(self, command: Command) -> None:
        """Note that a command of this id was taken; one of another part of the core is noted here too."""
        self._seen[command.site, command.id] = None
        if len(self._seen) > MAX_SEEN_COMMANDS:
            del self._seen[next(iter(self._seen))]

    def _set_topology(self, command: Command, now_ms: int) -> AllocationResult:
        topology = command.topology
        if topology is None:
            raise InputError("command set-topology needs topology")
        site = self._sites.get(command.site) or Site.before(topology, self._configuration)
        in_force = site.topology.revision if command.site in self._sites else 0
        if command.if_revision not in {None, in_force}:
            raise CommandRefused(
                f"topology revision {in_force} is in force, the command replaces {command.if_revision}", advice="read it again"
            )
        result = set_topology(site, topology, self._configuration, now_ms)
        self._sites[command.site] = site
        return result

    def _obey(self, site: Site, command: Command, now_ms: int) -> AllocationResult:
        settings = self._configuration.allocation
        match command.kind:
            case CommandKind.SUBMIT_PLAN:
                self._refuse_when_held(site)
                return lifecycle.submit(site, command, settings, now_ms)
            case CommandKind.APPROVE_PLAN:
                self._refuse_when_held(site)
                return lifecycle.approve(site, command, settings, now_ms)
            case CommandKind.REFUSE_PLAN:
                return lifecycle.refuse(site, command, settings, now_ms)
            case CommandKind.UNDO_PLAN:
                self._refuse_when_held(site)
                return undo(site, command, self._terms(now_ms))
            case CommandKind.REQUEST_PLAN:
                self._refuse_when_held(site)
                return AllocationResult(requests=[ask_for_operator(site, self._terms(now_ms))])
            case _:
                return orders.give(site, command, settings, now_ms)

    def _refuse_when_held(self, site: Site) -> None:
        held = self._held(site)
        if held is not None:
            raise CommandRefused(held)

    def _held(self, site: Site) -> str | None:
        """What keeps any plan from being made or carried out, in the order of precedence."""
        if not self._configuration.allocation.enabled:
            return "allocation is switched off by configuration"
        if site.stopped:
            return f"allocation of site {site.id!r} is stopped"
        return f"the mass-failure guard holds site {site.id!r}" if site.guarded else None

    # Acks

    def hear(self, ack: Ack, now_ms: int) -> str | None:
        """Remember what a gateway said, at tick `now_ms`; returns what of it is not known here, None when all is.

        A repeat, a word overtaken by a later one, and one about an epoch that is over have no effect.
        """
        site = self._sites.get(ack.site)
        return f"site {ack.site!r} has no topology" if site is None else hear(site, ack, now_ms)

    # Hand-overs

    def advance(self, now_ms: int) -> AllocationResult:
        """Let words and time work on the hand-overs under way; at each batch, for a device may be waiting without service."""
        result = AllocationResult()
        for site in self._sites.values():
            if site.transfers:
                result.assignments += Transfers(site, self._configuration.allocation, now_ms).advance()
        return result

    # Reviews

    def review(
        self,
        site: SiteId,
        now_ms: int,
        demand: SiteDemand,
        silent: frozenset[GatewayId],
        troubles: Sequence[Trouble] = (),
    ) -> AllocationResult:
        """Look at a site at tick `now_ms`, with demand, silent gateways and troubles of now; ask for a plan if one is needed.

        Nothing happens for a site without a topology. At most one plan is in flight per site.
        """
        known, result = self._sites.get(site), AllocationResult()
        if known is None:
            return result
        heard = known.hear_demand(demand, now_ms)
        result.assignments += Transfers(known, self._configuration.allocation, now_ms).give_leases()
        lifecycle.expire(known, now_ms, result)
        self._listen(known, silent, now_ms, result)
        settings = self._configuration.allocation
        known.forget_deaths(settings, now_ms)
        suspects.review(known, troubles, settings, now_ms)
        self._go_on(known, now_ms, result)
        result.decisions += emptied(known, now_ms)
        if settings.renew_grants and self._held(known) is None and _frozen(known) is None:
            result.assignments += renew_grants(known, heard, settings, now_ms)
        if self._held(known) is None and known.in_flight is None:
            result.requests += ask_for_needs(known, self._terms(now_ms))
        return result

    def _listen(self, site: Site, silent: frozenset[GatewayId], now_ms: int, result: AllocationResult) -> None:
        why = disbelief(site, silent, self._configuration.allocation.mass_failure_share, now_ms)
        if why is None:
            site.hear_silence(silent, now_ms)
        elif not site.guarded:
            result.decisions.append(guarded(site, why, now_ms))
        site.guarded = why is not None

    def _go_on(self, site: Site, now_ms: int, result: AllocationResult) -> None:
        life, held = Life(site, now_ms, result), self._held(site) or _frozen(site)
        go_on(life, self._conditions, self._configuration.allocation, held)
        watch(life, self._conditions)

    def _terms(self, now_ms: int) -> Terms:
        return Terms(self._configuration.allocation, self._settings_digest, now_ms)

    def pending_requests(self) -> list[PlanRequest]:
        """Plans asked for and not yet submitted; after a restart they are asked for again and come out equal."""
        return [site.in_flight for site in self._sites.values() if site.in_flight is not None]

    # What stands

    def sites(self) -> list[SiteId]:
        """Sites with a topology, in the order in which they got it."""
        return list(self._sites)

    def topology(self, site: SiteId) -> Topology | None:
        """The topology in force."""
        known = self._sites.get(site)
        return None if known is None else known.topology

    def assignments(self, site: SiteId) -> list[Assignment]:
        """The desired state of every device of the topology."""
        known = self._sites.get(site)
        return [] if known is None else list(known.assignments.values())

    def words(self, site: SiteId) -> list[Ack]:
        """The last ack about each device's present assignment, by device; devices nothing was said of are left out."""
        known = self._sites.get(site)
        return [] if known is None else [ack for _, ack in sorted(known.words.items())]

    def gateway_views(self, site: SiteId) -> list[GatewayView]:
        """The gateways of the topology as they stand, in its order."""
        known = self._sites.get(site)
        return [] if known is None else gateway_views(known, self._configuration.allocation)

    def suspect_gateways(self) -> int:
        """How many gateways, of all sites, have some of their capacity withheld."""
        return sum(len(suspects.suspects_of(site)) for site in self._sites.values())

    def censored(self, site: SiteId) -> dict[DeviceId, list[str]]:
        """The resources of which a device's latest sample is only a lower bound of what it needs, by device; see `censoring`."""
        known = self._sites.get(site)
        return {} if known is None else known.censoring.named(known.ground.frame)

    def censored_devices(self) -> int:
        """How many devices, of all sites, have such a sample of some resource."""
        return sum(int(site.censoring.censored.any(axis=1).sum()) for site in self._sites.values())

    def short_devices(self) -> int:
        """How many devices, of all sites, are served with less than they ask of some resource."""
        deadband = self._configuration.allocation.grant_deadband
        return sum(int(short_of(site, deadband).sum()) for site in self._sites.values())

    def assignment(self, site: SiteId, device: DeviceId) -> Assignment | None:
        """The desired state of one device; None where the topology has none."""
        known = self._sites.get(site)
        return None if known is None else known.assignments.get(device)

    def gateway_of(self, site: SiteId, device: DeviceId) -> GatewayId | None:
        """The gateway that is to serve `device`; None for nowhere or an unknown device."""
        known = self._sites.get(site)
        assignment = None if known is None else known.assignments.get(device)
        return None if assignment is None else assignment.gateway

    def unplaced(self, site: SiteId) -> list[DeviceId]:
        """Devices (at most 1,000 are named) that send readings but are not in the topology, hence not allocated."""
        known = self._sites.get(site)
        return [] if known is None else known.unplaced

    def open_plan(self, site: SiteId) -> Plan | None:
        """The plan that waits for approval."""
        known = self._sites.get(site)
        return None if known is None or known.open is None else known.open.plan

    def holds(self, site: SiteId) -> list[str]:
        """What keeps plans from being made or carried out at `site`, in words, weightiest first; empty when nothing does."""
        known = self._sites.get(site)
        if known is None:
            return ["the site has no topology"]
        held = self._held(known)
        return [text for text in (held, _frozen(known)) if text is not None]

    def view(self, site: SiteId, now_ms: int) -> AllocationView:
        """What questions about `site` are answered from, at tick `now_ms`; of an unknown site nothing but the profiles."""
        known = self._sites.get(site)
        plan = PlanId(fact_id("study", site, now_ms))
        return AllocationView(
            site=site,
            as_of_ms=now_ms,
            request=None if known is None else question(known, Trigger.OPERATOR, plan, self._terms(now_ms)),
            holds=self.holds(site),
            strangers=self.unplaced(site),
            days=[] if known is None else list(known.days),
            censored={} if known is None else known.censoring.counted(known.ground.frame),
            constants={
                ProfileName(name): profile_constants(profile) for name, profile in self._configuration.profiles_of(site).items()
            },
        )

    def standing_score(self, site: SiteId, now_ms: int) -> PlanScore | None:
        """How `site` stands by the objective, on the demand of its last review; None for a site without a topology."""
        known = self._sites.get(site)
        if known is None:
            return None
        problem = problem_now(known, self._configuration.allocation, now_ms)
        return evaluate(problem, problem.start)

    # Recovery

    def export_state(self) -> dict[str, Any]:
        """Everything as plain values; `restore` is its inverse. Equal states give equal exports."""
        return {
            "sites": [state.export_site(site) for site in self._sites.values()],
            "seen": [[site, command] for site, command in self._seen],
        }

    @classmethod
    def restore(
        cls, configuration: CoreConfiguration, exported: dict[str, Any], conditions: Conditions = nothing_heard
    ) -> "Allocator":
        """An allocator that continues exactly where `export_state` was called.

        Raises:
            InputError: `exported` is not such an export.
        """
        allocator = cls(configuration, conditions)
        try:
            sites = [state.restore_site(value, configuration) for value in exported["sites"]]
            allocator._seen = {(SiteId(site), CommandId(command)): None for site, command in exported["seen"]}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a state of an allocator: {error!r}") from error
        allocator._sites = {site.id: site for site in sites}
        return allocator

    def digest(self) -> str:
        """sha256 (hex) over the whole state."""
        return hashlib.sha256(pack(self.export_state())).hexdigest()


def _frozen(site: Site) -> str | None:
    return "the site is frozen" if site.frozen else None
