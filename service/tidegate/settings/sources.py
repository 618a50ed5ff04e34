"""Where settings come from: a YAML file, environment variables, options. Values, and of each who gave it.

Knows nothing of which settings there are; `areas` does.
"""

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml

from tidegate.adapters.yaml_marks import YamlError, read_documents
from tidegate.errors import ConfigurationError

PREFIX: Final = "TIDEGATE_"
"""Of every environment variable that is a setting; two underscores part area and name."""

CONFIG_VARIABLE: Final = "TIDEGATE_CONFIG"
"""Names the YAML file."""

_NOT_SETTINGS: Final = (CONFIG_VARIABLE, f"{PREFIX}URL", f"{PREFIX}TOKEN", f"{PREFIX}REQUIRE_", f"{PREFIX}TEST_")
"""Beginnings of variables that are for others: commands that ask a service, what tests need and where they find it."""

MAX_FILE_BYTES: Final = 1_000_000
"""Bytes; a settings file is a page or two, and a larger one is some other file."""

Key = tuple[str, ...]
"""Path of a setting: areas, then its name."""


class Source(StrEnum):
    """Who gave a value, the later outranking the earlier."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from. `where` is `file:line` or the variable's name; empty for a default."""

    source: Source = Source.DEFAULT
    where: str = ""

    def __str__(self) -> str:
        return f"{self.source} {self.where}".rstrip()


DEFAULT: Final = Origin()


@dataclass(slots=True)
class Gathered:
    """Values by area, and the origin of each that is no area; `places` says where areas of the file stand."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    places: dict[Key, Origin] = field(default_factory=dict)

    def origin(self, key: Key) -> Origin:
        """Who gave the value at `key`, or the value that it is part of."""
        return next((self.origins[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self.origins), DEFAULT)

    def place(self, key: Key) -> Origin:
        """Where to look for `key`, which may also be an area."""
        below = (at for known, at in self.origins.items() if known[: len(key)] == key)
        found = self.origin(key)
        return found if found is not DEFAULT else self.places.get(key) or next(below, DEFAULT)

    def put(self, key: Key, value: Any, origin: Origin) -> None:
        """Let `value` stand at `key`; mappings are merged into what is there.

        Raises:
            ConfigurationError: `key` is below something that is no area.
        """
        if isinstance(value, Mapping) and value:
            for name, part in value.items():
                self.put((*key, str(name)), part, origin)
            return
        area = self.values
        for part in key[:-1]:
            if area.get(part) is None:
                area[part] = {}
            area = area[part]
            if not isinstance(area, dict):
                raise ConfigurationError(f"{origin} contradicts {self.origin(key[:-1])} for {part!r}")
        if isinstance(area.get(key[-1]), dict):
            self.origins = {known: at for known, at in self.origins.items() if known[: len(key)] != key}
        area[key[-1]] = value
        self.origins[key] = origin


def config_file(file: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The YAML file: `file`, or the one that the environment names."""
    named = environment.get(CONFIG_VARIABLE)
    return file or (Path(named) if named else None)


def gather(
    file: Path | None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    verbatim: Set[str] = frozenset(),
) -> Gathered:
    """Values of `file` (or the one that `environment` names), `environment` (default: the process's) and `options`, the
    later over the earlier. Text of the environment is read as YAML, but for the names in `verbatim`.

    Raises:
        ConfigurationError: the file cannot be read, or two variables contradict one another.
    """
    environment = os.environ if environment is None else environment
    gathered = Gathered()
    path = config_file(file, environment)
    if path:
        _read_file(path, gathered)
    _read_environment(environment, gathered, verbatim)
    for key, value in _leaves(options or {}):
        gathered.put(key, value, Origin(Source.OPTION, "on the command line"))
    return gathered


def _read_file(path: Path, gathered: Gathered) -> None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"settings file {path} has {path.stat().st_size} bytes, expected at most {MAX_FILE_BYTES}")
        documents = read_documents(path.read_text(encoding="utf-8-sig"))
    except YamlError as error:
        raise ConfigurationError(f"cannot read settings from {path}:{error.line}: {error}") from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigurationError(f"cannot read settings from {path}: {error}") from error
    if len(documents) > 1:
        raise ConfigurationError(f"settings file {path} holds {len(documents)} documents, expected one")
    for document in documents:
        if not isinstance(document.value, dict):
            raise ConfigurationError(f"settings file {path} holds a {type(document.value).__name__}, expected areas with keys")
        gathered.values = document.value
        gathered.places = {key: Origin(Source.FILE, f"{path}:{line}") for key, line in document.lines.items() if key}
        gathered.origins = {key: at for key, at in gathered.places.items() if not isinstance(_at(document.value, key), dict)}


def _read_environment(environment: Mapping[str, str], gathered: Gathered, verbatim: Set[str]) -> None:
    given = Gathered()
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name.startswith(_NOT_SETTINGS):
            continue
        key = tuple(name.removeprefix(PREFIX).lower().split("__"))
        value = text if key[-1] in verbatim else _scalar(text)
        if isinstance(_at(given.values, key), dict) and not isinstance(value, Mapping):
            raise ConfigurationError(f"environment variable {name} contradicts another one for {key[-1]!r}")
        given.put(key, value, Origin(Source.ENVIRONMENT, name))
    for key, origin in given.origins.items():
        gathered.put(key, _at(given.values, key), origin)


def _at(values: Mapping[str, Any], key: Key) -> Any:
    found: Any = values
    for part in key:
        if isinstance(found, list):
            found = found[int(part)] if part.isdecimal() and int(part) < len(found) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _leaves(values: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, name))
        elif not isinstance(value, Mapping):
            yield (*above, name), value


def _scalar(text: str) -> Any:
    """Environment values are read as YAML, so that numbers, true, and [a, b] mean what they mean in the file."""
    try:
        return yaml.safe_load(text) if text else text
    except yaml.YAMLError:
        return text
