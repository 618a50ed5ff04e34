"""Profiles as arrays: what policy asks of each device and metric, by code, so that a batch looks it up at once.

Codes are given once and never change, because state refers to them; the values behind them follow the configuration.
A profile that left the configuration keeps its code and judges nothing.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Severity
from tidegate.contracts.codec import pack
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.ids import MetricName, ProfileName, SiteId
from tidegate.contracts.profile import Direction, Metric, Profile
from tidegate.core.bundle_fit import misfit
from tidegate.core.classifier import Classifier, Model

UNIVERSAL: Final = "universal"
"""The bundle that serves every profile without one of its own."""

RARITY_FLOOR: Final = 3.0
"""−log10 p. No alert budget, however generous, makes an alarm of what happens more than once in a thousand readings."""

WARMUP_READINGS: Final = 64
"""Readings before a device may raise a statistical alarm, whatever its bundle says: its own tails weigh as much as the prior."""

SEVERITIES: Final = tuple(Severity)
"""Severities by rank, low first."""


ProfileKey = tuple[SiteId, ProfileName]
"""A profile by the site whose own it is, and its name."""

ANYWHERE: Final = SiteId("")
"""Stands for all sites; no site has this name."""


class Profiles:
    """All profiles ever seen, by code; arrays are indexed by profile code or by metric code.

    A profile is everybody's (site `ANYWHERE`) or one site's own, which there stands in for everybody's of that name.
    """

    def __init__(self, configuration: CoreConfiguration, forecasters: Mapping[str, Model]) -> None:
        self.keys: list[ProfileKey] = []
        self.metric_keys: list[tuple[ProfileKey, MetricName]] = []
        self._codes: dict[ProfileKey, int] = {}
        self._metric_codes: dict[tuple[ProfileKey, MetricName], int] = {}
        self.forecasters = forecasters
        self.configure(configuration)

    def configure(self, configuration: CoreConfiguration) -> None:
        """Take over the profiles of `configuration`; codes of what is known stay."""
        self.current: dict[ProfileKey, Profile] = {(ANYWHERE, each.name): each for each in configuration.profiles.values()}
        for site, own in configuration.site_profiles.items():
            self.current |= {(site, each.name): each for each in own.values()}
        for key in sorted(self.current):
            self._code(key)
            for metric in self.current[key].metrics:
                self._metric_code((key, metric))
        self._index()

    def restore(self, keys: list[list[str]], metric_keys: list[list[str]]) -> None:
        """Give the codes of an earlier export, then codes to what the configuration in force has beyond it."""
        current = self.current
        self.keys, self._codes, self.metric_keys, self._metric_codes = [], {}, [], {}
        for site, name in keys:
            self._code((SiteId(site), ProfileName(name)))
        for site, name, metric in metric_keys:
            self._metric_code(((SiteId(site), ProfileName(name)), MetricName(metric)))
        for key in sorted(current):
            self._code(key)
            for each in current[key].metrics:
                self._metric_code((key, each))
        self._index()

    def at(self, site: SiteId, name: ProfileName) -> tuple[int, Profile] | None:
        """Code and profile that `name` means at `site`; null when it means none there."""
        key = (site, name) if (site, name) in self.current else (ANYWHERE, name)
        profile = self.current.get(key)
        return None if profile is None else (self._codes[key], profile)

    def profile(self, code: int) -> Profile | None:
        """The profile of `code`; null once it has left the configuration."""
        return self.current.get(self.keys[code])

    def _index(self) -> None:
        self.names = [name for _, name in self.keys]
        self._index_profiles()
        self._index_metrics()

    def _code(self, key: ProfileKey) -> int:
        if key not in self._codes:
            self._codes[key] = len(self.keys)
            self.keys.append(key)
        return self._codes[key]

    def _metric_code(self, key: tuple[ProfileKey, MetricName]) -> int:
        if key not in self._metric_codes:
            self._metric_codes[key] = len(self.metric_keys)
            self.metric_keys.append(key)
        return self._metric_codes[key]

    def _index_profiles(self) -> None:
        known = [self.current.get(key) for key in self.keys]
        self.metrics = [list(profile.metrics) if profile else [] for profile in known]
        self.metric_codes = [
            np.array([self._metric_codes[key, metric] for metric in metrics], dtype=np.int32)
            for key, metrics in zip(self.keys, self.metrics, strict=True)
        ]
        self.interval_ms = np.array([1000.0 * profile.interval_seconds if profile else 1000.0 for profile in known])
        self.silent_after_ms = self.interval_ms * np.array(
            [profile.alarm.silent_after if profile else math.inf for profile in known]
        )
        self.lateness_ms = np.array([round(1000.0 * profile.lateness_seconds) if profile else 0 for profile in known])
        self.takes_late = bool(self.lateness_ms.any())
        self.threshold = np.array([_threshold(profile) if profile else math.inf for profile in known])
        self.close_after = np.array([max(profile.alarm.close_after, 1) if profile else 1 for profile in known], dtype=np.int64)
        self.absorb_after = np.array([profile.alarm.absorb_after if profile else 0 for profile in known], dtype=np.int64)
        self.lowest_rank = np.array([_lowest_rank(profile) if profile else 0 for profile in known], dtype=np.int64)
        self.bundle_keys = [_bundle_key(profile, self.forecasters) for profile in known]
        self.bundles = [_bundle_text(profile, self.forecasters) for profile in known]
        self.policies = [policy_digest(profile) if profile else "retired" for profile in known]
        models = [self.forecasters.get(key) for key in self.bundle_keys]
        self.warmup = np.array([_warmup(model) for model in models], dtype=np.int64)
        self.bundle_places = [_places(metrics, model) for metrics, model in zip(self.metrics, models, strict=True)]

    def _index_metrics(self) -> None:
        known = [self._metric(profile, metric) for profile, metric in self.metric_keys]
        self.low = np.array([metric.low if metric.low is not None else -math.inf for metric in known])
        self.high = np.array([metric.high if metric.high is not None else math.inf for metric in known])
        self.above = np.array([metric.direction is not Direction.BELOW for metric in known], dtype=bool)
        self.below = np.array([metric.direction is not Direction.ABOVE for metric in known], dtype=bool)
        self.minimum_deviation = np.array([metric.minimum_deviation for metric in known])
        self.stuck_after = np.array([metric.stuck_after for metric in known], dtype=np.int64)
        self.weight = np.array([metric.weight for metric in known])

    def _metric(self, profile: ProfileKey, metric: MetricName) -> Metric:
        current = self.current.get(profile)
        return current.metrics.get(metric, Metric()) if current else Metric()


def _threshold(profile: Profile) -> float:
    """−log10 of the episodes per reading that the alert budget allows; the budget bounds them from above."""
    budget = profile.alarm.alerts_per_device_day
    if budget <= 0.0:
        return math.inf
    readings_per_day = DAY_MS / (1000.0 * profile.interval_seconds)
    return max(math.log10(readings_per_day / budget), RARITY_FLOOR)


def _lowest_rank(profile: Profile) -> int:
    wanted = profile.alarm.minimum_severity
    return next((rank for rank, severity in enumerate(SEVERITIES) if severity.value == wanted), 0)


def _warmup(model: Model | None) -> int:
    """Of a bundle that is not installed nobody asks: whoever wants to step it is refused. A classifier brings what it knows
    and its prior outweighs what one device shows; a forecaster's device has tails of its own first."""
    if model is None:
        return WARMUP_READINGS
    readings = model.manifest.warmup_readings
    return readings if isinstance(model, Classifier) else max(readings, WARMUP_READINGS)


def _places(metrics: list[MetricName], model: Model | None) -> NDArray[np.int64]:
    """Where each of the bundle's metrics stands among `metrics`; empty where a forecaster takes each by itself."""
    if not metrics or model is None:
        return np.empty(0, np.int64)
    return np.array([metrics.index(name) for name in model.manifest.metrics], dtype=np.int64)


def _bundle_key(profile: Profile | None, forecasters: Mapping[str, Model]) -> str:
    """The bundle that serves `profile`: the one it names, where there is one that can."""
    wanted = profile.bundle if profile else None
    if profile is None or wanted is None or wanted not in forecasters:
        return UNIVERSAL
    model = forecasters.get(wanted)
    return wanted if model is None or misfit(profile, model.manifest) is None else UNIVERSAL


def _bundle_text(profile: Profile | None, forecasters: Mapping[str, Model]) -> str:
    key = _bundle_key(profile, forecasters)
    model = forecasters.get(key)
    identity = key if model is None else model.identity
    wanted = profile.bundle if profile else None
    return identity if wanted in (None, key) else f"{identity} in place of {wanted}"


def policy_digest(profile: Profile) -> str:
    """What anomalies cite as the policy that judged: the profile's name and a digest of what decides."""
    return f"{profile.name}@{hashlib.sha256(pack((profile.alarm, profile.metrics))).hexdigest()[:12]}"
