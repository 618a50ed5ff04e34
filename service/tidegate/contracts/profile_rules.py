"""What a well-typed profile may not say: ranges upside down, negative times, demand of a metric it does not have.

The same rules for files and commands. Pure; where a value stands in which file is the loader's business (`adapters.profiles`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

from tidegate.contracts.anomaly import Severity
from tidegate.contracts.ids import is_clean
from tidegate.contracts.profile import MOST_LATE_INTERVALS, AlarmPolicy, Metric, Profile
from tidegate.errors import InputError

MAX_METRICS: Final = 1_000
"""Metrics of one profile; above it a range was mistyped."""

MAX_SITE_PROFILES: Final = 100
"""Profiles that one site may have of its own."""

MAX_TEXT: Final = 2_000
"""Characters of a description or unit: they are journaled and shown."""

_SHORTEST_INTERVAL: Final = 0.001
"""Seconds. Event times are in milliseconds."""

_LONGEST_INTERVAL: Final = 366 * 86_400.0
"""Seconds. A year; a device that is due less often is not watched, and far beyond it milliseconds do not fit an integer."""

_MANY: Final = 1_000_000_000
"""Readings or intervals: more than any device lives through, and well within what state counts in."""

Fault = tuple[tuple[str, ...], str]
"""The path of a field from the profile down, and what is wrong with it."""


def faults(profile: Profile) -> Iterator[Fault]:
    """What is wrong with a well-typed profile, first things first."""
    if not is_clean(profile.name):
        yield ("name",), f"is {profile.name!r}, expected printable text without surrounding blanks"
    yield from _unbounded(profile, ())
    if not _SHORTEST_INTERVAL <= profile.interval_seconds <= _LONGEST_INTERVAL:
        yield ("interval_seconds",), f"is {profile.interval_seconds}, expected more than 0: a millisecond to a year"
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
        if not 0 <= getattr(metric, name) <= (_MANY if name != "minimum_deviation" else math.inf):
            yield (*path, name), f"is {getattr(metric, name)}, expected at least 0"[:200]


def _alarm_faults(alarm: AlarmPolicy) -> Iterator[Fault]:
    if alarm.alerts_per_device_day <= 0:
        yield ("alarm", "alerts_per_device_day"), f"is {alarm.alerts_per_device_day}, expected more than 0"
    if not 1 <= alarm.close_after <= _MANY:
        yield ("alarm", "close_after"), f"is {alarm.close_after}, expected at least 1"[:200]
    if not 0 <= alarm.absorb_after <= _MANY:
        yield ("alarm", "absorb_after"), f"is {alarm.absorb_after}, expected at least 0"[:200]
    if not 1 <= alarm.silent_after <= _MANY:
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


def _unbounded(value: Any, path: tuple[str, ...]) -> Iterator[Fault]:
    """Numbers that are none, and texts without end, wherever they stand."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, f"is {value}, expected a finite number"
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        yield path, f"has {len(value)} characters, expected at most {MAX_TEXT}"
    elif is_dataclass(value):
        for item in fields(value):
            yield from _unbounded(getattr(value, item.name), (*path, item.name))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _unbounded(part, (*path, str(key)[:MAX_TEXT]))
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _unbounded(part, (*path, str(position)))


def check_profiles(profiles: Sequence[Profile]) -> None:
    """Refuse what a site may not have of its own.

    Raises:
        InputError: too many, a name twice, or a profile breaks a rule; names the field of the first.
    """
    if len(profiles) > MAX_SITE_PROFILES:
        raise InputError(f"{len(profiles)} profiles, expected at most {MAX_SITE_PROFILES} - at `$.profiles`")
    names = [profile.name for profile in profiles]
    for place, profile in enumerate(profiles):
        if names.index(profile.name) != place:
            raise InputError(f"profile {profile.name!r} is there twice - at `$.profiles[{place}].name`")
        for path, fault in faults(profile):
            where = ".".join(path)
            raise InputError(f"profile {profile.name!r}: {where} {fault}"[:400] + f" - at `$.profiles[{place}]`")
