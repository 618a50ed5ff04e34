"""What a well-typed profile may not say: ranges upside down, negative times, demand of a metric it does not have.

Pure; where a value stands in which file is the loader's business (`profiles`).
"""

from collections.abc import Iterator
from typing import Final

from tidegate.contracts.anomaly import Severity
from tidegate.contracts.ids import is_clean
from tidegate.contracts.profile import MOST_LATE_INTERVALS, AlarmPolicy, Metric, Profile

MAX_METRICS: Final = 1_000
"""Metrics of one profile; above it a range was mistyped."""

Fault = tuple[tuple[str, ...], str]
"""The path of a field from the profile down, and what is wrong with it."""


def faults(profile: Profile) -> Iterator[Fault]:
    """What is wrong with a well-typed profile, first things first."""
    if not is_clean(profile.name):
        yield ("name",), f"is {profile.name!r}, expected printable text without surrounding blanks"
    if profile.interval_seconds <= 0:
        yield ("interval_seconds",), f"is {profile.interval_seconds}, expected more than 0"
    longest = MOST_LATE_INTERVALS * max(profile.interval_seconds, 0.0)
    if not 0 <= profile.lateness_seconds <= longest:
        text = f"is {profile.lateness_seconds}, expected 0 (off) to {longest:g}, which is {MOST_LATE_INTERVALS} intervals"
        yield ("lateness_seconds",), text
    if not 1 <= len(profile.metrics) <= MAX_METRICS:
        yield ("metrics",), f"has {len(profile.metrics)} metrics, expected 1 to {MAX_METRICS}"
    for name, metric in profile.metrics.items():
        yield from _metric_faults(metric, ("metrics", name))
    yield from _alarm_faults(profile.alarm)
    yield from _demand_faults(profile)


def _metric_faults(metric: Metric, path: tuple[str, ...]) -> Iterator[Fault]:
    if not is_clean(path[-1]):
        yield path, "is not a name: expected printable text without surrounding blanks"
    if metric.low is not None and metric.high is not None and metric.low >= metric.high:
        yield (*path, "low"), f"is {metric.low}, expected below high ({metric.high})"
    for name in ("minimum_deviation", "stuck_after", "weight"):
        if getattr(metric, name) < 0:
            yield (*path, name), f"is {getattr(metric, name)}, expected at least 0"


def _alarm_faults(alarm: AlarmPolicy) -> Iterator[Fault]:
    if alarm.alerts_per_device_day <= 0:
        yield ("alarm", "alerts_per_device_day"), f"is {alarm.alerts_per_device_day}, expected more than 0"
    if alarm.close_after < 1:
        yield ("alarm", "close_after"), f"is {alarm.close_after}, expected at least 1"
    if alarm.silent_after < 1:
        yield ("alarm", "silent_after"), f"is {alarm.silent_after}, expected at least 1 interval"
    known = [severity.value for severity in Severity]
    if alarm.minimum_severity not in known:
        yield ("alarm", "minimum_severity"), f"is {alarm.minimum_severity!r}, expected one of {', '.join(known)}"


def _demand_faults(profile: Profile) -> Iterator[Fault]:
    for resource, mapping in profile.demand.items():
        path = ("demand", resource)
        if not is_clean(resource):
            yield path, "is not a name: expected printable text without surrounding blanks"
        if mapping.constant < 0:
            yield (*path, "constant"), f"is {mapping.constant}, expected at least 0"
        for position, term in enumerate(mapping.terms):
            if term.metric not in profile.metrics:
                known = ", ".join(profile.metrics)
                yield (*path, "terms", str(position), "metric"), f"is {term.metric!r}, expected one of {known}"[:400]
