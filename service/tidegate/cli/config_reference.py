"""`tidegate config reference`: the tables of docs/configuration.md, made from the settings and contracts; for who changes them.

What stands above the marker in the page is written by hand and left alone.
"""

import dataclasses
import types
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import SecretStr

from tidegate.contracts.configuration import AllocationSettings, ClockGuard, DetectionSettings
from tidegate.contracts.field_docs import field_docs
from tidegate.contracts.profile import AlarmPolicy, DemandMapping, DemandTerm, Metric, Profile
from tidegate.errors import ConfigurationError
from tidegate.settings import SettingField, setting_fields
from tidegate.settings.sources import PREFIX

app = typer.Typer(no_args_is_help=True, help="Write or check the reference page of the configuration.")

MARKER: Final = (
    "<!-- Made by `tidegate config reference write docs/configuration.md` from here on; a check holds it to the code. -->"
)

_CORE: Final = (("detection", DetectionSettings), ("detection.clock", ClockGuard), ("allocation", AllocationSettings))
_PROFILE: Final = (
    ("A profile", Profile),
    ("Each of `metrics`", Metric),
    ("`alarm`", AlarmPolicy),
    ("Each of `demand`", DemandMapping),
    ("Each of `terms`", DemandTerm),
)

File = Annotated[Path, typer.Argument(help="The page, docs/configuration.md in the repository.")]


@app.command()
def write(file: File) -> None:
    """Write the tables below the marker; above it the page stays as it is."""
    above = _above(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{above}{reference()}", encoding="utf-8")


@app.command()
def check(file: File) -> None:
    """Exit with an error when the tables are not what the code says."""
    if not file.is_file() or file.read_text(encoding="utf-8") != f"{_above(file)}{reference()}":
        raise ConfigurationError(f"{file} is not what the code says", advice=f"run `tidegate config reference write {file}`")


def reference() -> str:
    """Every setting, every knob of the core and every field of a profile as tables, from the marker on."""
    return "\n".join([MARKER, *_settings_part(), *_core_part(), *_profile_part(), ""])


def _above(file: Path) -> str:
    text = file.read_text(encoding="utf-8") if file.is_file() else "# Configuration\n\n"
    return text.partition(MARKER)[0]


def _settings_part() -> Iterator[str]:
    yield from ("", "## Settings")
    groups: dict[tuple[str, ...], list[SettingField]] = {}
    for each in setting_fields():
        groups.setdefault(each.key[:-1], []).append(each)
    for above, fields in groups.items():
        about = (fields[0].area.__doc__ or "").strip() if above else "In no area."
        yield from _table(".".join(above) or "At the top", about, [_setting_row(each) for each in fields])


def _setting_row(each: SettingField) -> Sequence[str]:
    hints = get_type_hints(each.area, include_extras=True)
    bounds = [str(text) for item in each.field.metadata if (text := _bound(item))]
    kind = ", ".join([_kind(hints[each.key[-1]]), *bounds])
    variable = PREFIX + "__".join(each.key).upper()
    default = each.field.get_default(call_default_factory=True)
    return (f"`{'.'.join(each.key)}`<br>`{variable}`", kind, _value(default), " ".join((each.field.description or "").split()))


def _core_part() -> Iterator[str]:
    yield from ("", "## What the core is configured with", "")
    yield "Set below `detection` and `allocation` in the file, or by variables like any other setting. They are journaled."
    for above, kind in _CORE:
        yield from _table(above, _about(kind), [_row(f"`{above}.{{}}`", kind, item) for item in dataclasses.fields(kind)])


def _profile_part() -> Iterator[str]:
    yield from ("", "## Profiles", "")
    yield "One YAML document each, in the files and folders that `profiles` names. A site can be given its own."
    for title, kind in _PROFILE:
        yield from _table(title, _about(kind), [_row("`{}`", kind, item) for item in dataclasses.fields(kind)])


def _about(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())


def _row(name: str, kind: type, item: "dataclasses.Field[Any]") -> Sequence[str]:
    hint = get_type_hints(kind, include_extras=True)[item.name]
    return (name.format(item.name), _kind(hint), _default(item), field_docs(kind).get(item.name, ""))


def _table(title: str, about: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from ("", f"### {title}", "", about, "", "| name | type | default | meaning |", "|---|---|---|---|")
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _default(item: "dataclasses.Field[Any]") -> str:
    if item.default is not dataclasses.MISSING:
        return _value(item.default)
    return "required" if item.default_factory is dataclasses.MISSING else _value(item.default_factory())


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if dataclasses.is_dataclass(value) or value in ({}, [], ()):
        return "–"
    if isinstance(value, (list, tuple)):
        return f"`{','.join(map(str, value))}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`" if str(value) else "empty"


_NAMES: Final[dict[Any, str]] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
_NAMES_OF: Final[dict[Any, str]] = {tuple: "list", list: "list", dict: "mapping"}


def _kind(hint: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(parts[0])
    if hasattr(hint, "__supertype__"):
        return _kind(hint.__supertype__)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in parts if part is not types.NoneType)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{part.value}`" for part in hint)
    if hint is SecretStr:
        return "secret"
    return _NAMES.get(hint) or _NAMES_OF.get(origin) or "mapping"


def _bound(item: Any) -> str:
    """A bound of pydantic's in words; empty for what is none of a number."""
    for name, word in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
        if (bound := getattr(item, name, None)) is not None:
            return f"{word} {bound}"
    return ""
