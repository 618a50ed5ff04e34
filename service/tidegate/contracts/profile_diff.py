"""What differs between the profiles in force at a site and proposed ones, field by field."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.contracts.codec import to_builtins
from tidegate.contracts.configuration_views import FieldChange, ProfilesDiff
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.profile import Profile


def profiles_diff(before: Mapping[str, Profile], after: Mapping[str, Profile]) -> ProfilesDiff:
    """The changes from `before` to `after`, by profile and field; a profile that comes or goes is one change."""
    changes: list[FieldChange] = []
    restarts = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        profile = ProfileName(name)
        if old is None or new is None:
            changes.append(FieldChange(profile, "", to_builtins(old), to_builtins(new)))
            continue
        changes += [FieldChange(profile, *each) for each in _fields(to_builtins(old), to_builtins(new), "")]
        if old.metrics.keys() != new.metrics.keys() or old.bundle != new.bundle:
            restarts.append(profile)
    return ProfilesDiff(changes, restarts)


def _fields(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _fields(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield path, old, new
