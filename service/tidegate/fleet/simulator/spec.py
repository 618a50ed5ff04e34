"""What to simulate: sizes, pace, randomness, and when it begins. A value; equal values give equal fleets."""

from dataclasses import dataclass

from tidegate.errors import ConfigurationError

MAX_DEVICES = 100_000
"""Devices of all sites; above it one process cannot make readings in real time, and arrays grow beyond reason."""

INTERVAL_SECONDS = 2.0
"""Seconds; what the shipped profiles of the simulator's device classes say."""

SLOTS = 4
"""Parts of an interval: a quarter of the devices speaks in each, so that the load is even and nobody waits a whole interval."""


@dataclass(frozen=True)
class FleetSpec:
    """`gateways` and `devices` are per site. `day_seconds` is how long a simulated day lasts (86,400 is a real one).

    Readings of a device are `interval_seconds` apart; the first ones are at `start_ms` (Unix milliseconds). A value is
    missing with probability `missing_ratio`. `seed` determines everything else.
    """

    start_ms: int
    sites: int = 2
    gateways: int = 4
    devices: int = 30
    interval_seconds: float = INTERVAL_SECONDS
    day_seconds: float = 600.0
    missing_ratio: float = 0.002
    seed: int = 7

    def __post_init__(self) -> None:
        """Raise ConfigurationError for sizes that make no fleet."""
        _at_least("sites", self.sites, 1)
        _at_least("gateways", self.gateways, 1)
        _at_least("devices", self.devices, 1)
        _at_least("seed", self.seed, 0)
        _at_least("start_ms", self.start_ms, 0)
        _at_least("interval_seconds", self.interval_seconds, 0.01)
        _at_least("day_seconds", self.day_seconds, 1)
        if self.sites * self.devices > MAX_DEVICES:
            raise ConfigurationError(
                f"{self.sites} sites of {self.devices} devices, expected at most {MAX_DEVICES} devices in all"
            )
        if not 0 <= self.missing_ratio <= 1:
            raise ConfigurationError(f"missing_ratio is {self.missing_ratio}, expected 0 to 1")

    @property
    def slot_ms(self) -> int:
        """Milliseconds between two slots; an interval is exactly `SLOTS` of them."""
        return max(1, round(self.interval_seconds * 1000 / SLOTS))

    @property
    def interval_ms(self) -> int:
        """Milliseconds between two readings of a device."""
        return self.slot_ms * SLOTS


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:  # also refuses NaN
        raise ConfigurationError(f"{name} is {value}, expected at least {least:g}")
