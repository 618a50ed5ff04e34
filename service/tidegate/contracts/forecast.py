"""The latest demand and forecast of a device, as compacted facts: what it needs now and over the next intervals."""

from dataclasses import dataclass
from typing import Final

from tidegate.contracts.ids import DeviceId, ProfileName, SiteId
from tidegate.contracts.resources import Resources
from tidegate.contracts.version import SCHEMA_VERSION

HORIZONS: Final = (1, 3, 12, 36)
"""Intervals of the profile ahead of the last reading (design: words, demand and forecast)."""

QUANTILE_LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Levels of every forecast, 0 to 1, ascending; the median is index 3."""


@dataclass(frozen=True, slots=True)
class ResourceForecast:
    """One resource of one device: `now` and `quantiles[horizon][level]`, in the resource's unit, never negative."""

    resource: str
    now: float
    quantiles: list[list[float]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """A device's demand as of `event_time_ms`, and what of it the planner may rely on (`grant_request`)."""

    site: SiteId
    device: DeviceId
    profile: ProfileName
    event_time_ms: int
    horizons: list[int]
    quantile_levels: list[float]
    resources: list[ResourceForecast]
    grant_request: Resources
    schema_version: int = SCHEMA_VERSION
