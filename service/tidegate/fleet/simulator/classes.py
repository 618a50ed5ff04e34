"""What each device class measures: the signals behind the profiles in `profiles/simulator.yaml`. Invented, not recorded."""

from dataclasses import dataclass

from tidegate.contracts.ids import MetricName, ProfileName


@dataclass(frozen=True)
class Signal:
    """One metric: `base` at rest plus `swing` at full load, in the metric's unit.

    `noise` is the standard deviation of what load does not explain, with first-order memory `memory` (0 to 1) per reading.
    Devices of a class differ in base and swing by `spread` (ratio, standard deviation). Healthy values stay in `low` to `high`.
    """

    metric: MetricName
    base: float
    swing: float
    noise: float
    memory: float = 0.6
    spread: float = 0.1
    low: float = 0.0
    high: float = float("inf")


@dataclass(frozen=True)
class DeviceClass:
    """A profile's devices: their `share` of the fleet, their busiest time of day (0 to 1) and their load on weekends (ratio)."""

    profile: ProfileName
    share: int
    peak_of_day: float
    weekend: float
    signals: tuple[Signal, ...]


def _signal(name: str, base: float, swing: float, noise: float, **more: float) -> Signal:
    return Signal(MetricName(name), base, swing, noise, **more)


CLASSES = (
    DeviceClass(
        ProfileName("temperature-sensor"), 4, 0.6, 1.0,
        (
            _signal("temperature_celsius", 18.0, 6.0, 0.15, memory=0.9, spread=0.05, low=-40, high=85),
            _signal("humidity_percent", 60.0, -15.0, 0.6, memory=0.9, spread=0.05, high=100),
            _signal("messages_per_second", 2.0, 6.0, 0.3),
        ),
    ),
    DeviceClass(
        ProfileName("smart-meter"), 3, 0.8, 1.15,
        (
            _signal("power_watts", 180.0, 1800.0, 45.0, spread=0.25),
            _signal("voltage_volts", 232.0, -4.0, 0.5, spread=0.003),
            _signal("messages_per_second", 1.0, 9.0, 0.4),
        ),
    ),
    DeviceClass(
        ProfileName("camera"), 2, 0.5, 0.6,
        (
            _signal("bitrate_kbps", 1200.0, 2600.0, 90.0),
            _signal("frames_per_second", 14.0, 11.0, 0.5, spread=0.05),
            _signal("motion_ratio", 0.05, 0.35, 0.03, high=1.0),
        ),
    ),
    DeviceClass(
        ProfileName("pump"), 2, 0.45, 0.4,
        (
            _signal("flow_litres_per_minute", 40.0, 80.0, 1.2),
            _signal("pressure_bar", 2.2, 1.6, 0.04),
            _signal("vibration_mm_per_second", 1.1, 1.2, 0.12, memory=0.3),
            _signal("motor_celsius", 38.0, 22.0, 0.4, memory=0.95),
        ),
    ),
    DeviceClass(
        ProfileName("vehicle-tracker"), 1, 0.4, 0.5,
        (
            _signal("speed_kmh", 8.0, 45.0, 5.0, memory=0.85),
            _signal("engine_celsius", 70.0, 18.0, 0.6, memory=0.95, spread=0.03),
            _signal("messages_per_second", 2.0, 10.0, 0.5),
        ),
    ),
)  # fmt: skip
"""The classes in order; a site's devices are dealt out by share, so that small fleets have all of them."""


def deal(devices: int) -> list[DeviceClass]:
    """The class of each of `devices` devices: classes in turn, as often as their shares say, again and again."""
    rounds = max(known.share for known in CLASSES)
    hand = [known for turn in range(rounds) for known in CLASSES if known.share > turn]
    return [hand[index % len(hand)] for index in range(devices)]
