"""Examples of the configuration for OpenAPI: each a real value of its type."""

from typing import Final

from tidegate.contracts.ids import MetricName, ProfileName
from tidegate.contracts.profile import AlarmPolicy, Direction, Metric, Profile

PUMP_PROFILE: Final = Profile(
    name=ProfileName("pump"),
    interval_seconds=5.0,
    metrics={MetricName("bearing_temperature"): Metric(unit="°C", low=-40.0, high=150.0, direction=Direction.ABOVE)},
    description="A pump with one bearing.",
    alarm=AlarmPolicy(alerts_per_device_day=0.02),
)
