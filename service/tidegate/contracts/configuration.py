"""What the core is configured with. It enters through the journal, so that a replay runs under what was in force then.

Deployment settings (ports, paths, sizes of queues) are not here: they change no fact. See `tidegate.settings`.
"""

from dataclasses import dataclass, field

from tidegate.contracts.profile import Profile


@dataclass(frozen=True, slots=True)
class ClockGuard:
    """Which event times are believed.

    A reading more than `max_ahead_seconds` ahead of the tick is quarantined: an accepted one makes all that the device says
    until then late, so the margin is small. So is one before `earliest_ms` (2000-01-01: a device without a battery-backed
    clock starts in 1970).
    """

    max_ahead_seconds: float = 120.0
    earliest_ms: int = 946_684_800_000


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Detection's knobs that are not a profile's."""

    clock: ClockGuard = field(default_factory=ClockGuard)
    max_devices: int = 200_000
    forecast_every: int = 12
    gateway_silent_share: float = 0.8
    gateway_silent_devices: int = 3


@dataclass(frozen=True, slots=True)
class AllocationSettings:
    """The allocator's knobs. Amounts of time are counted in journaled ticks: plans are made and carried out in wall time.

    `cooldown_seconds` and `minimum_benefit_ratio` are what keeps a fleet from churning: on ten days of 58 recorded VMs the
    shorter (120 s) and smaller (0.01) moved devices half as often again for one percent less overload.
    """

    enabled: bool = True
    auto_approve: bool = True
    period_seconds: float = 300.0
    plan_ttl_seconds: float = 300.0
    cooldown_seconds: float = 900.0
    grant_quantile: float = 0.95
    forecast_horizon: int = 12
    overload_threshold: float = 1.0
    max_moves_per_plan: int = 200
    mass_failure_share: float = 0.6
    minimum_benefit_ratio: float = 0.05
    planner_steps: int = 20_000
    random_state: int = 0


@dataclass(frozen=True, slots=True)
class CoreConfiguration:
    """Everything a step depends on besides state, inputs and bundles."""

    profiles: dict[str, Profile]
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    allocation: AllocationSettings = field(default_factory=AllocationSettings)
