"""Commands that are loaded when they are called: who asks a service a question need not wait for the service's own imports."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final = ("serve", "demo", "simulate", "replay", "gateway", "watch", "follow")
"""Modules of this package with a `register`."""

GROUPS: Final = ("site", "plan", "anomaly", "deadletter", "history", "keys", "bundle", "config", "topics", "schemas")
"""Modules of this package with an `app`."""


class LazyGroup(TyperGroup):
    """The commands of this package's modules, then those that training joins by entry point, when it is installed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, in the order of help."""
        return [*COMMANDS, *GROUPS, *(point.name for point in _joined())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command `cmd_name`, imported now; None when there is none."""
        if cmd_name in COMMANDS:
            alone = typer.Typer(add_completion=False)
            import_module(f"tidegate.cli.{cmd_name}").register(alone)
            return typer.main.get_command(alone)
        if cmd_name in GROUPS:
            return _group(import_module(f"tidegate.cli.{cmd_name}").app, cmd_name)
        return next((_group(point.load(), cmd_name) for point in _joined() if point.name == cmd_name), None)


def _joined() -> Iterable[EntryPoint]:
    return entry_points(group="tidegate.commands")


def _group(app: typer.Typer, name: str) -> Any:
    group = typer.main.get_group(app)
    group.name = name
    return group
