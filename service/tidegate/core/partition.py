"""The state machine of one partition: one journaled batch in, facts out. Everything a worker owns is in here.

`step` is the only way state changes, and it is a function of (state, batch): no clock, no randomness, no I/O. Replaying
the same batches over the same state gives the same facts and the same digest, which is what recovery rests on.

Order within a batch, fixed because replay must repeat it: configuration, commands, acks, readings, silence, allocation.
Acks come after commands because they speak of assignments that a command of the same batch may have changed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tidegate.contracts.ack import Ack
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.codec import from_builtins, pack, to_builtins
from tidegate.contracts.command import Command, CommandKind, check_command
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.ids import PlanId, SiteId
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.reading import Reading
from tidegate.contracts.scores import ScoreBatch
from tidegate.contracts.version import STATE_VERSION
from tidegate.contracts.views import Balance
from tidegate.core.acks import hear_acks
from tidegate.core.allocation.allocator import AllocationResult, Allocator
from tidegate.core.allocation.model import AllocationView, PlanRequest
from tidegate.core.allocation.site import MAX_UNPLACED
from tidegate.core.classifier import Model
from tidegate.core.demand import SiteDemand, device_forecasts, site_demand
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.orders import KINDS as DETECTION_KINDS
from tidegate.core.detection.results import DetectionResult, Rejection
from tidegate.core.own_profiles import SiteProfiles, profiles_asked_for
from tidegate.core.shelf import Shelf
from tidegate.core.stale_owners import StaleOwners
from tidegate.errors import AllocationError, InputError

REVIEW_EVERY_MS: Final = 1000
"""Milliseconds of ticks between two reviews of a site's allocation: a dead gateway waits at most this long for a plan
request, and a review (demand of a whole site) is not paid for with every micro-batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The inputs of one step. `undecodable` counts telemetry messages that never became readings; they are in the balance."""

    tick_ms: int
    readings: Sequence[Reading] = ()
    commands: Sequence[Command] = ()
    acks: Sequence[Ack] = ()
    undecodable: int = 0


@dataclass(slots=True)
class Facts:
    """What one step says. `rejections` index into the batch's readings, `ack_rejections` into its acks; `requests` go to the
    planner, never to a topic."""

    detection: DetectionResult
    anomalies: list[Anomaly] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    forecasts: list[Forecast] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    outcomes: list[CommandOutcome] = field(default_factory=list)
    requests: list[PlanRequest] = field(default_factory=list)
    scores: list[ScoreBatch] = field(default_factory=list)
    ack_rejections: list[Rejection] = field(default_factory=list)

    @property
    def rejections(self) -> list[Rejection]:
        """Readings that could not be scored, with reasons from the closed list."""
        return self.detection.rejections

    def add(self, result: AllocationResult) -> None:
        """Append what allocation said."""
        self.decisions += result.decisions
        self.assignments += result.assignments
        self.requests += result.requests


class Partition:
    """All sites of one partition: detection, allocation and the balance of readings."""

    def __init__(self, configuration: CoreConfiguration, forecasters: Mapping[str, Model]) -> None:
        self.base = self.configuration = configuration
        self.own: dict[SiteId, SiteProfiles] = {}
        self.shelf = Shelf(forecasters)
        self.detection = Detection(configuration, self.shelf)
        self.allocator = Allocator(configuration, self.detection.conditions)
        self.balance = Balance()
        self.stale_owners = StaleOwners(self.allocator.assignment)
        self._reviewed_at_ms: dict[SiteId, int] = {}

    def configure(self, configuration: CoreConfiguration) -> None:
        """Put `configuration` in force from the next step on; the journal carries it with that step's record.

        What sites have of their own stays in force.
        """
        self.base = configuration
        self._put_in_force()

    def offer(self, bundles: Mapping[str, str]) -> None:
        """Let `bundles` (identity by name) be what there is; the journal carries them with each record."""
        if bundles != self.shelf.offered:
            self.shelf.offer(bundles, set(self.detection.roster.lane_keys))
            self._put_in_force()

    def bundles(self) -> dict[str, str]:
        """What each name of a bundle means here: its identity."""
        return dict(self.shelf.meant)

    def with_own(self, base: CoreConfiguration) -> CoreConfiguration:
        """`base` with what sites have of their own."""
        own = {site: {str(each.name): each for each in of.profiles} for site, of in sorted(self.own.items())}
        return replace(base, site_profiles=own)

    def _put_in_force(self) -> None:
        self.configuration = self.with_own(self.base)
        self.detection.configure(self.configuration)
        self.allocator.configure(self.configuration)

    def step(self, batch: Batch) -> Facts:
        """Take one batch and return its facts. Never raises on input: what cannot be used is a rejection or an outcome."""
        allocation, obeyed, outcomes = self._obey(batch)
        unheard = hear_acks(self.allocator, batch.acks, self.configuration.detection, batch.tick_ms)
        result = self.detection.observe(batch.readings, batch.tick_ms)
        silence = self.detection.tick(batch.tick_ms)
        facts = Facts(result, outcomes=outcomes)
        for part in (*obeyed, result, silence):
            facts.anomalies += part.anomalies
            facts.incidents += part.incidents
        rejected = {each.index for each in result.rejections}
        accepted = (reading for index, reading in enumerate(batch.readings) if index not in rejected)
        facts.incidents += self.stale_owners.observe(accepted, batch.tick_ms)
        facts.scores = self.detection.samples((*obeyed, result, silence), batch.tick_ms)
        facts.add(allocation)
        facts.ack_rejections = unheard
        facts.forecasts = self._forecasts(result)
        self._allocate(batch.tick_ms, facts)
        self._count(batch, result)
        return facts

    def pending_requests(self) -> list[PlanRequest]:
        """Plans asked for and not yet submitted; after a restart the worker asks the planner again."""
        return self.allocator.pending_requests()

    def _obey(self, batch: Batch) -> tuple[AllocationResult, list[DetectionResult], list[CommandOutcome]]:
        gathered = AllocationResult([], [], [])
        detected: list[DetectionResult] = []
        outcomes = []
        for command in batch.commands:
            if self.allocator.has_seen(command):
                continue
            try:
                if command.kind in DETECTION_KINDS:
                    self.allocator.remember(command)
                    check_command(command)
                    detected.append(self.detection.obey(command))
                    result = AllocationResult()
                else:
                    result = self._carry_out(command, batch.tick_ms)
            except (InputError, AllocationError) as error:
                outcomes.append(_outcome(command, batch.tick_ms, accepted=False, reason=str(error)))
                continue
            outcomes.append(_outcome(command, batch.tick_ms, accepted=True, reason=command.reason, plan=result.plan_made))
            gathered.decisions.extend(result.decisions)
            gathered.assignments.extend(result.assignments)
            gathered.requests.extend(result.requests)
            self._follow(result.assignments)
        return gathered, detected, outcomes

    def _carry_out(self, command: Command, tick_ms: int) -> AllocationResult:
        if command.kind not in (CommandKind.CONFIGURE_PROFILES, CommandKind.ACTIVATE_BUNDLE):
            return self.allocator.handle(command, tick_ms)
        self.allocator.remember(command)
        check_command(command)
        known = len(self.detection.roster.profiles.metric_keys)
        asked = profiles_asked_for(command, self.configuration, self.shelf.on_offer(), known)
        self.own.pop(command.site, None)
        if asked:
            self.own[command.site] = SiteProfiles(command.site, tick_ms, command.id, command.issued_by, asked)
        self._put_in_force()
        return AllocationResult()

    def _allocate(self, tick_ms: int, facts: Facts) -> None:
        handed = self.allocator.advance(tick_ms)
        self._follow(handed.assignments)
        facts.add(handed)
        for site in self.allocator.sites():
            if tick_ms - self._reviewed_at_ms.get(site, tick_ms - REVIEW_EVERY_MS) < REVIEW_EVERY_MS:
                continue
            self._reviewed_at_ms[site] = tick_ms
            silent = self.detection.silent_gateways(site)
            troubles = self.detection.troubles(site) if self.configuration.allocation.suspicion_share > 0 else ()
            result = self.allocator.review(site, tick_ms, self.demand(site), silent, troubles)
            self._follow(result.assignments)
            facts.add(result)

    def _follow(self, assignments: Sequence[Assignment]) -> None:
        for assignment in assignments:
            self.detection.assign(assignment.site, assignment.device, assignment.gateway)

    def allocation(self, site: SiteId) -> AllocationView:
        """What questions about the allocation of `site` are answered from, as of its last review."""
        view = self.allocator.view(site, self._reviewed_at_ms.get(site, 0))
        if view.request is None:
            view = replace(view, strangers=self.demand(site).devices[:MAX_UNPLACED])
        return view

    def demand(self, site: SiteId) -> SiteDemand:
        """What each device of `site` needs, from its latest reading and forecast through its profile's mapping."""
        return site_demand(self.detection.demand_rows(site), self.configuration)

    def _forecasts(self, result: DetectionResult) -> list[Forecast]:
        return device_forecasts(self.detection, result.forecast_due, self.configuration)

    def _count(self, batch: Batch, result: DetectionResult) -> None:
        before = self.balance
        self.balance = replace(
            before,
            received=before.received + result.received + batch.undecodable,
            scored=before.scored + result.scored,
            duplicate=before.duplicate + result.duplicate,
            quarantined=before.quarantined + result.quarantined,
            dead_lettered=before.dead_lettered + result.dead_lettered + batch.undecodable,
        )

    def export_state(self) -> dict[str, Any]:
        """The whole state as builtins and numpy arrays; `restore` is its inverse."""
        return {
            "state_version": STATE_VERSION,
            "configuration": to_builtins(self.base),
            "own": self._own_exported(),
            "bundles": dict(self.shelf.meant),
            "balance": to_builtins(self.balance),
            "reviewed_at_ms": dict(self._reviewed_at_ms),
            "allocation": self.allocator.export_state(),
            "detection": self.detection.export_state(),
            "stale_owners": self.stale_owners.export_state(),
        }

    def _own_exported(self) -> list[Any]:
        return [to_builtins(each) for _, each in sorted(self.own.items())]

    @classmethod
    def restore(cls, state: dict[str, Any], forecasters: Mapping[str, Model]) -> "Partition":
        """A partition that continues exactly where `export_state` was called.

        Raises:
            InputError: `state` is not such an export.
            BundleError: a bundle that serves a device in it is not installed.
        """
        try:
            partition = cls.__new__(cls)
            partition.base = from_builtins(state["configuration"], CoreConfiguration)
            partition.own = {each.site: each for each in (from_builtins(own, SiteProfiles) for own in state["own"])}
            partition.shelf = Shelf(forecasters)
            partition.shelf.meant = partition.shelf.offered = dict(state["bundles"])
            partition.configuration = partition.with_own(partition.base)
            partition.detection = Detection.restore(partition.configuration, partition.shelf, state["detection"])
            partition.allocator = Allocator.restore(partition.configuration, state["allocation"], partition.detection.conditions)
            partition.stale_owners = StaleOwners(partition.allocator.assignment)
            partition.stale_owners.restore(state["stale_owners"])
            partition.balance = from_builtins(state["balance"], Balance)
            partition._reviewed_at_ms = dict(state["reviewed_at_ms"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a state of version {STATE_VERSION}: {error!r}") from error
        return partition

    def digest(self) -> str:
        """sha256 over the whole state: two partitions with equal digests say the same about every future."""
        parts = (
            self.detection.digest(),
            self.allocator.digest(),
            to_builtins(self.balance),
            self._reviewed_at_ms,
            self._own_exported(),
            self.stale_owners.export_state(),
        )
        return hashlib.sha256(pack(parts)).hexdigest()


def _outcome(command: Command, tick_ms: int, *, accepted: bool, reason: str, plan: PlanId | None = None) -> CommandOutcome:
    return CommandOutcome(command.id, command.site, command.kind, command.issued_by, accepted, reason, tick_ms, plan_id=plan)
