"""Profiles from YAML: one profile per document, errors that name file, line and field.

One convenience beyond plain YAML: a metric named `m{01..38}` stands for m01, m02 … m38, all alike. Does not know what a
profile is for; the rules about its values are in `contracts.profile_rules`.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

from tidegate.adapters.yaml_marks import Document, YamlError, YamlPath, read_documents
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.profile import Profile
from tidegate.contracts.profile_rules import MAX_METRICS, faults
from tidegate.errors import ConfigurationError

SHIPPED: Final = Path(__file__).parent.parent / "profiles"
"""Folder of the profiles in the package: the simulator's device classes and the public data sets."""

MAX_FILE_BYTES: Final = 1_000_000
"""Bytes; a profile file is a page or two, and a larger one is some other file."""

_RANGE: Final = re.compile(r"^(?P<head>[^{}]*)\{(?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\}(?P<tail>[^{}]*)$")


def shipped_profiles() -> dict[ProfileName, Profile]:
    """The profiles in the package, by name."""
    return load_profiles([SHIPPED])


def load_profiles(paths: Sequence[Path]) -> dict[ProfileName, Profile]:
    """Read profiles from YAML files, and from all `*.yaml` and `*.yml` below folders, by name.

    Raises:
        ConfigurationError: a path is missing or holds no profile, a name is there twice, or a profile is wrong; names
            file, line and field.
    """
    found: dict[ProfileName, tuple[Profile, Path]] = {}
    for path in paths:
        for file in _files(path):
            for profile in _read(file):
                if profile.name in found:
                    raise ConfigurationError(f"{file}: profile {profile.name!r} is already in {found[profile.name][1]}")
                found[profile.name] = (profile, file)
    return {name: profile for name, (profile, _) in found.items()}


def profile_problems(paths: Sequence[Path]) -> list[str]:
    """Everything for which `load_profiles` would refuse `paths`, each with file, line and field; empty when it would not."""
    found: dict[ProfileName, Path] = {}
    problems: list[str] = []
    for path in paths:
        try:
            files = _files(path)
        except ConfigurationError as error:
            problems.append(error.message)
            continue
        for file in files:
            problems += _file_problems(file, found)
    return problems


def _file_problems(file: Path, found: dict[ProfileName, Path]) -> Iterator[str]:
    """What is wrong in `file`; its profiles join those `found` before."""
    try:
        documents = _documents(file)
    except ConfigurationError as error:
        yield error.message
        return
    for document in documents:
        try:
            profile: Profile = _build(_expand_metrics(document), Profile, ())
        except _FieldError as error:
            yield _located(file, document, error.path, str(error))
            continue
        yield from (_located(file, document, path, fault) for path, fault in faults(profile))
        if profile.name in found:
            yield f"{file}: profile {profile.name!r} is already in {found[profile.name]}"
        found.setdefault(profile.name, file)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix in (".yaml", ".yml"))
    if not files:
        raise ConfigurationError(f"{path}: no profile in this folder, expected *.yaml files")
    return files


def _read(file: Path) -> Iterator[Profile]:
    for document in _documents(file):
        yield _profile(file, document)


def _documents(file: Path) -> list[Document]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{file}: {file.stat().st_size} bytes, expected at most {MAX_FILE_BYTES}")
        documents = read_documents(file.read_text(encoding="utf-8-sig"))
    except YamlError as error:
        raise ConfigurationError(f"{file}:{error.line}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
    if not documents:
        raise ConfigurationError(f"{file}: no profile in this file, expected at least one YAML document")
    return documents


def _profile(file: Path, document: Document) -> Profile:
    try:
        profile: Profile = _build(_expand_metrics(document), Profile, ())
        for path, fault in faults(profile):
            raise _FieldError(path, fault)
    except _FieldError as error:
        raise ConfigurationError(_located(file, document, error.path, str(error))) from error
    return profile


def _located(file: Path, document: Document, path: YamlPath, fault: str) -> str:
    """`fault` with the line of what is at `path`, or of the nearest thing above it that is in the file."""
    line = next(document.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in document.lines)
    return f"{file}:{line}: {'.'.join(path) or 'profile'} {fault}"


class _FieldError(ValueError):
    """What is wrong with the value at `path`."""

    def __init__(self, path: YamlPath, fault: str) -> None:
        super().__init__(fault)
        self.path = path


def _expand_metrics(document: Document) -> Any:
    """The document's value with metric ranges written out; notes the lines of what it writes."""
    value = document.value
    metrics = value.get("metrics") if isinstance(value, dict) else None
    if not isinstance(metrics, dict):
        return value
    written: dict[str, Any] = {}
    for key, metric in metrics.items():
        for name in _names(key):
            if name in written:
                raise _FieldError(("metrics", key), f"names metric {name!r} a second time")
            written[name] = metric
            _copy_lines(document.lines, ("metrics", key), ("metrics", name))
    return {**value, "metrics": written}


def _names(key: str) -> list[str]:
    match = _RANGE.match(key)
    if match is None:
        return [key]
    first, last, width = int(match["first"]), int(match["last"]), len(match["first"])
    if not first <= last < first + MAX_METRICS:
        raise _FieldError(("metrics", key), f"runs from {first} to {last}, expected a rising range of at most {MAX_METRICS}")
    return [f"{match['head']}{number:0{width}d}{match['tail']}" for number in range(first, last + 1)]


def _copy_lines(lines: dict[YamlPath, int], source: YamlPath, target: YamlPath) -> None:
    below = [(path, line) for path, line in lines.items() if path[: len(source)] == source]
    lines.update({target + path[len(source) :]: line for path, line in below})


def _build(value: Any, kind: Any, path: YamlPath) -> Any:
    """`value` as `kind`, field by field, so that an error knows its path (msgspec alone writes `[...]` for mapping keys)."""
    if is_dataclass(kind):
        return _record(value, kind, path)
    if get_origin(kind) is dict:
        key_kind, value_kind = get_args(kind)
        items = _expect(value, dict, "a mapping", path).items()
        return {_leaf(key, key_kind, (*path, key)): _build(item, value_kind, (*path, key)) for key, item in items}
    if get_origin(kind) is list:
        items = enumerate(_expect(value, list, "a list", path))
        return [_build(item, get_args(kind)[0], (*path, str(position))) for position, item in items]
    return _leaf(value, kind, path)


def _record(value: Any, kind: Any, path: YamlPath) -> Any:
    known = {field.name: field for field in fields(kind)}
    given = _expect(value, dict, "a mapping", path)
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f", did you mean {close[0]}?" if close else ""
            raise _FieldError((*path, key), f"is not known, expected one of {', '.join(known)}{meant}")
    for name, field in known.items():
        if name not in given and _required(field):
            raise _FieldError(path, f"lacks {name!r}")
    kinds = _kinds(kind)
    return kind(**{key: _build(item, kinds[key], (*path, key)) for key, item in given.items()})


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@cache
def _kinds(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _expect(value: Any, kind: type, words: str, path: YamlPath) -> Any:
    if not isinstance(value, kind):
        raise _FieldError(path, f"is {value!r}, expected {words}")
    return value


def _leaf(value: Any, kind: Any, path: YamlPath) -> Any:
    try:
        leaf = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _FieldError(path, f"is {value!r}: {error}") from error
    if isinstance(leaf, float) and not math.isfinite(leaf):
        raise _FieldError(path, f"is {value!r}, expected a finite number")
    return leaf
