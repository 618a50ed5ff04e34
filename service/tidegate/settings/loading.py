"""Settings built from what was gathered, and everything that is wrong in it, in our words."""

import copy
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tidegate.errors import ConfigurationError
from tidegate.settings.areas import Settings, setting_fields
from tidegate.settings.sources import DEFAULT, PREFIX, Gathered, Key, Origin, Source, config_file, gather

VERBATIM = frozenset({"username", "password", "key_password", "worker_token"})
"""Settings whose text from the environment is taken as it stands: a password 0123 is not the number 83."""


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """What is wrong with one setting, where it was given, and which setting may have been meant."""

    key: Key
    text: str
    place: Origin = DEFAULT
    meant: str = ""

    def __str__(self) -> str:
        variable = PREFIX + "__".join(self.key).upper()
        place = f", {self.place.where}" if self.place.source is Source.FILE else ""
        meant = f", did you mean {self.meant}?" if self.meant else ""
        return f"{'.'.join(self.key)} ({variable}{place}): {self.text}{meant}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each value comes from."""

    settings: Settings
    gathered: Gathered


def load_settings(
    file: Path | None = None, environment: Mapping[str, str] | None = None, options: Mapping[str, Any] | None = None
) -> Settings:
    """Build the settings from defaults, `file`, `environment` (default: the process's) and command-line `options`.

    Raises:
        ConfigurationError: the file cannot be read, or a key is unknown or has a wrong value; names the key and its origin.
    """
    return load_traced(file, environment, options).settings


def load_traced(
    file: Path | None = None, environment: Mapping[str, str] | None = None, options: Mapping[str, Any] | None = None
) -> Loaded:
    """As `load_settings`, with the origin of each value.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    environment = os.environ if environment is None else environment
    gathered = gather(file, environment, options, VERBATIM)
    settings, problems = validate(gathered)
    if problems:
        path = config_file(file, environment)
        raise ConfigurationError(
            "; ".join(map(str, problems)), advice=f"see `tidegate config check`{f'; file: {path}' if path else ''}"
        )
    return Loaded(settings, gathered)


def validate(gathered: Gathered) -> tuple[Settings, list[SettingProblem]]:
    """Settings of what is right in `gathered`, and everything that is wrong in it."""
    values = copy.deepcopy(gathered.values)
    problems: list[SettingProblem] = []
    while True:
        try:
            return Settings.model_validate(values), problems
        except ValidationError as error:
            found = [_problem(each, gathered) for each in error.errors(include_url=False, include_context=False)]
            problems += found
            for each in found:
                _drop(values, each.key)


def _problem(error: Any, gathered: Gathered) -> SettingProblem:
    """One complaint of pydantic's in our words; inputs are shown unless they may be secret."""
    key = tuple(str(part) for part in error["loc"])
    place = gathered.place(key)
    if error["type"] == "extra_forbidden":
        return SettingProblem(key, "is not a setting", place, nearest(key))
    shown = not isinstance(error["input"], (dict, BaseModel)) and not VERBATIM.intersection(key)
    text = str(error["msg"]).removeprefix("Value error, ")
    return SettingProblem(key, f"{text}, got {error['input']!r}" if shown else text, place)


def _drop(values: dict[str, Any], key: Key) -> None:
    """Leave out what is at `key`, or the nearest thing above it that can be left out; everything where that is nothing."""
    if not key:
        values.clear()
        return None
    *path, last = key
    area: Any = values
    for depth, part in enumerate(path):
        inner = area.get(part) if isinstance(area, dict) else None
        if not isinstance(inner, dict):
            return _drop(values, key[: depth + 1])
        area = inner
    if area.pop(last, None) is None:  # what is wrong is not what was given, but that it was not
        _drop(values, key[:-1])
    return None


def nearest(key: Key) -> str:
    """The setting whose name is most like that of `key`; empty when none is."""
    known = {each.key: ".".join(each.key) for each in setting_fields()}
    areas = {path[:end] for path in known for end in range(1, len(path))}
    here = {path for path in known.keys() | areas if path[:-1] == key[:-1]}
    close = difflib.get_close_matches(key[-1], [path[-1] for path in here], n=1)
    if close:
        return ".".join((*key[:-1], close[0]))
    elsewhere = [text for path, text in known.items() if path[-1] == key[-1]]
    return elsewhere[0] if len(elsewhere) == 1 else ""
