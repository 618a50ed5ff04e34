"""What the core is configured with. It enters through the journal, so that a replay runs under what was in force then.

Deployment settings (ports, paths, sizes of queues) are not here: they change no fact. See `tidegate.settings`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from tidegate.contracts.daily import minutes_of
from tidegate.contracts.ids import SiteId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.profile import Profile


@dataclass(frozen=True, slots=True)
class ClockGuard:
    """Which event times are believed; a reading with another one is quarantined."""

    max_ahead_seconds: float = 120.0
    """How far ahead of the tick an event time may be. An accepted one makes all that the device says until then late."""
    earliest_ms: int = 946_684_800_000
    """Earliest event time, Unix milliseconds (2000-01-01): a device without a battery-backed clock starts in 1970."""


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Detection's knobs that are not a profile's."""

    clock: ClockGuard = field(default_factory=ClockGuard)
    """Which event times are believed."""
    max_devices: int = 200_000
    """Devices of one partition; readings of one more are dead letters."""
    forecast_every: int = 12
    """Readings of a device between two published forecasts; 0 publishes none."""
    gateway_silent_share: float = 0.8
    """Share (0 to 1) of a gateway's devices that must be silent before it is the gateway's own incident."""
    gateway_silent_devices: int = 3
    """Fewest silent devices that make an incident of their gateway."""
    score_every_seconds: Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)] = 60.0
    """Seconds of event time in each of which a device's score is recorded once, for questions about the past; 0: each batch."""


@dataclass(frozen=True, slots=True)
class AllocationSettings:
    """The allocator's knobs. Amounts of time are counted in journaled ticks: plans are made and carried out in wall time.

    `payback_seconds`, `cooldown_seconds` and `minimum_benefit_ratio` are what keeps a fleet from churning: on fifteen days of 63
    recorded VMs no payback meant 1,061 moves, a day 370 and a week 101, with less overload each time.
    """

    enabled: bool = True
    """Whether plans are made at all."""
    auto_approve: bool = True
    """Whether a plan is carried out without somebody's approval."""
    auto_approve_triggers: tuple[Trigger, ...] = ()
    """What a plan must have been made for to be carried out without somebody's approval; empty: for anything."""
    auto_approve_max_moves: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Most moves of a plan that is carried out without somebody's approval, 0: any number. A rescue is not held to it."""
    auto_approve_windows: tuple[str, ...] = ()
    """When plans are carried out without somebody's approval, daily, in UTC (`02:00-05:00`, `22:00-04:00`); empty: at any time.
    A rescue of devices without service does not wait for one."""
    period_seconds: float = 300.0
    """Between two plans that nothing urgent asks for."""
    plan_ttl_seconds: float = 300.0
    """For which a proposed plan can be approved, and for which one that is carried out in waves may be held up."""
    canary_moves: Annotated[int, msgspec.Meta(ge=0)] = 5
    """Most devices that the first wave of a plan takes from where they are served; 0: as many as any other. With
    `wave_moves` 0 as well, every plan is carried out at once."""
    wave_moves: Annotated[int, msgspec.Meta(ge=0)] = 50
    """Most devices that each further wave takes from where they are served; 0: as many as there is room for."""
    wave_seconds: Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)] = 60.0
    """For which the devices of a wave are watched, from the end of their hand-overs, before the next one goes, or after the
    last one the plan counts as applied."""
    at_once_moves: Annotated[int, msgspec.Meta(ge=0)] = 20
    """A plan that takes no more devices from where they are served goes all at once."""
    cooldown_seconds: float = 900.0
    """For which a device that was moved stays where it is, unless its gateway dies."""
    payback_seconds: Annotated[float, msgspec.Meta(ge=0.0, le=31_622_400.0)] = 604_800.0
    """Over which a move has to earn its price: for so long a device that was moved is not moved for cost alone. A week has seen
    every hour of demand."""
    grant_quantile: float = 0.9
    """Quantile of the forecast demand that a device is granted."""
    renew_grants: bool = True
    """Whether a device's grant follows what it asks while it stays where it is; otherwise it is set by moves only."""
    grant_deadband: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.05
    """Share of a grant by which it has to be too little before it is set anew, with those that have to make room for it."""
    forecast_horizon: int = 12
    """Intervals ahead that a grant looks: 1, 3, 12 or 36; between them, the next longer."""
    overload_threshold: float = 1.0
    """Load over capacity from which a gateway counts as overloaded."""
    max_moves_per_plan: int = 200
    """Most devices that one plan moves; evacuating a dead gateway is not held to it."""
    mass_failure_share: float = 0.6
    """Share (0 to 1) of a site's gateways whose silence together makes us suspect ourselves, and move nobody."""
    minimum_benefit_ratio: float = 0.05
    """Least improvement, as a share of the present cost, for which devices are moved."""
    suspicion_share: Annotated[float, msgspec.Meta(ge=0.0, le=0.1)] = 0.1
    """Most of a site's capacity (0 to 1) that is kept from new devices because its gateways are suspect; 0 suspects nobody."""
    suspicion_seconds: Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)] = 3600.0
    """For which a gateway's return from silence, or its refusal of room, is remembered; two for twice as long, and so on."""
    planner_steps: int = 20_000
    """Steps of search per plan: a budget in work, so that equal questions get equal plans."""
    random_state: int = 0
    """Where the planner's search starts."""
    handover: bool = True
    """Whether devices of gateways that follow leases are handed over step by step; of others, moves apply at once."""
    lease_seconds: Annotated[float, msgspec.Meta(ge=1.0, le=86_400.0)] = 60.0
    """For which a gateway may serve on what it last read. Longer than any outage of ours: after it, such gateways stop."""
    clock_error_seconds: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 5.0
    """Added to a lease before its device is given to another: what clocks run apart by meanwhile, and jumps of ours."""
    reserve_seconds: Annotated[float, msgspec.Meta(ge=1.0, le=3600.0)] = 30.0
    """For which a gateway is waited for that was asked to set aside room."""

    def __post_init__(self) -> None:
        """Refuse what no type can say.

        Raises:
            ValueError: a window is not a stretch of a day.
        """
        for window in self.auto_approve_windows:
            minutes_of(window)


@dataclass(frozen=True, slots=True)
class CoreConfiguration:
    """Everything a step depends on besides state, inputs and bundles.

    `site_profiles` are what sites have of their own, by site and name; they come by command, are kept in the state, and are
    not in the journal's configuration.
    """

    profiles: dict[str, Profile]
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    allocation: AllocationSettings = field(default_factory=AllocationSettings)
    site_profiles: dict[SiteId, dict[str, Profile]] = field(default_factory=dict)

    def profiles_of(self, site: SiteId) -> Mapping[str, Profile]:
        """The profiles in force at `site`, by name: its own over everybody's."""
        own = self.site_profiles.get(site)
        return {**self.profiles, **own} if own else self.profiles
