"""Settings as people may see them: value and origin of each, secrets only as set or unset."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import SecretStr

from tidegate.contracts.configuration_views import SettingView
from tidegate.settings.areas import Settings, setting_fields
from tidegate.settings.sources import PREFIX, Gathered, Key

_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^/@:\s]*):[^@\s]*@")
"""User and password of a URL, up to the last @ of what could be a password."""


def setting_views(settings: Settings, gathered: Gathered) -> list[SettingView]:
    """Every setting in force, in the order of the reference page; overrides of the core's settings one by one."""
    return [
        view
        for each in setting_fields()
        for view in _views(each.key, _value(settings, each.key), gathered, _is_secret(each.field))
    ]


def _views(key: Key, value: Any, gathered: Gathered, secret: bool) -> Iterator[SettingView]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _views((*key, str(name)), part, gathered, secret)
        return
    origin = gathered.origin(key)
    variable = PREFIX + "__".join(key).upper()
    yield SettingView(".".join(key), variable, _shown(value, secret), origin.source, origin.where, secret)


def _value(settings: Settings, key: Key) -> Any:
    found: Any = settings
    for part in key:
        found = getattr(found, part)
    return found


def _is_secret(field: Any) -> bool:
    return "SecretStr" in str(field.annotation)


def _shown(value: Any, secret: bool) -> Any:
    """`value` as JSON has it, without what is not for everybody's eyes."""
    if secret or isinstance(value, SecretStr):
        return "unset" if value is None else "set"
    if isinstance(value, (list, tuple)):
        return [_shown(each, secret) for each in value]
    if isinstance(value, Mapping):
        return {str(name): _shown(part, secret) for name, part in value.items()}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _PASSWORD_IN_URL.sub(r"\1:***@", str(value))
