"""`tidegate history`: look after the database that REST answers from. Works on the database, beside a running service too."""

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TextIO, TypeVar

import typer

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.history import Database, Follower, migrate, prune
from tidegate.adapters.history.export import FactKind, HistoryStatus, columns_of, exported, status_of
from tidegate.adapters.history.writer import FactWriter
from tidegate.adapters.memory import NullMetrics
from tidegate.bootstrap.history import open_history
from tidegate.bootstrap.log import open_log
from tidegate.cli.asking import Json
from tidegate.cli.output import say, show, table
from tidegate.cli.times import given_time
from tidegate.cli.wording import counted
from tidegate.errors import ConfigurationError, LogInUseError
from tidegate.ports import Log
from tidegate.settings import Settings, load_settings

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="The database that REST answers from: state, export, age, making it again.")

Config = Annotated[Path | None, typer.Option(help="YAML file with settings (also TIDEGATE_CONFIG).")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded log and its history. Default ./var.")]

_EXITS: Final = "\n\nExit codes: 0 done, 2 settings or options cannot be used, 3 the database or the log cannot be reached."
_STATUS: Final = "Example: `tidegate history status --json`" + _EXITS
_MIGRATE: Final = "Example: `tidegate history migrate --config tidegate.yaml`" + _EXITS
_PRUNE: Final = "Example: `tidegate history prune --json`" + _EXITS
_EXPORT: Final = (
    "Examples: `tidegate history export anomalies --since 7d --site plant-7`, "
    "`tidegate history export decisions --format csv --out decisions.csv`" + _EXITS
)
_REBUILD: Final = "Examples: `tidegate history rebuild --keep`, `tidegate history rebuild --yes`" + _EXITS

_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of text that a spreadsheet takes for a formula; ids come from anybody."""


class Format(StrEnum):
    """How facts are written: one JSON document a line, or a table for spreadsheets."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `follows`: who reads the topics now, `here` until they were read, or the running `service`."""

    forgot: bool
    records: int
    follows: str


@app.command(epilog=_STATUS)
def status(config: Config = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the database: where, in which form, rows of each kind, size, and how far each topic was read."""
    found = _with(config, data_dir, lambda _, database: status_of(database))
    show(found, as_json, lambda: _draw(found))


@app.command(name="migrate", epilog=_MIGRATE)
def migrate_now(config: Config = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Bring the database to the form of this release, as `serve` does at its start; a newer one is refused."""

    async def work(_: Settings, database: Database) -> HistoryStatus:
        await migrate(database)
        return await status_of(database)

    found = _with(config, data_dir, work)
    show(found, as_json, lambda: say(f"{found.database} has form {found.form}"))


@app.command(name="prune", epilog=_PRUNE)
def prune_now(config: Config = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Delete what is over and older than `history.retention` says, as the service does every hour."""

    async def work(settings: Settings, database: Database) -> dict[str, int]:
        await migrate(database)
        return await prune(database, settings.history.retention.model_dump(), SystemClock().now_ms())

    gone = _with(config, data_dir, work)
    show(gone, as_json, lambda: table(("kind", "deleted"), sorted(gone.items()), "kind"))


@app.command(epilog=_EXPORT)
def export(
    kind: Annotated[FactKind, typer.Argument(help="What to export.", show_default=False)],
    config: Config = None,
    data_dir: DataDir = None,
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what began since: 2026-01-31T12:00:00Z, or 15m, 2h, 7d ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what began before.")] = None,
    form: Annotated[Format, typer.Option("--format", help="jsonl: one document a line. csv: for spreadsheets.")] = Format.JSONL,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line, whatever --format says.")] = False,
) -> None:
    """Write facts, the oldest first. Of assignments and forecasts there is the latest of each device, with no time to ask by."""
    if kind in (FactKind.ASSIGNMENTS, FactKind.FORECASTS) and (since or until):
        raise ConfigurationError(f"{kind} have no --since or --until: the latest of each device is kept")
    since_ms, until_ms = given_time(since), given_time(until)
    form = Format.JSONL if as_json else form

    async def work(_: Settings, database: Database) -> int:
        facts = exported(database, kind, site, since_ms, until_ms)
        if out is None:
            return await _write(sys.stdout, facts, form, kind)
        with _opened(out) as file:
            return await _write(file, facts, form, kind)

    count = _with(config, data_dir, work)
    typer.echo(counted(count, kind.removesuffix("ies") + "y" if kind.endswith("ies") else kind.removesuffix("s")), err=True)


@app.command(epilog=_REBUILD)
def rebuild(
    config: Config = None,
    data_dir: DataDir = None,
    keep: Annotated[bool, typer.Option("--keep", help="Forget nothing; read all again to fill gaps.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Make the facts again from the topics, as far back as those reach; keys, audit and older facts are not in them.

    Facts are forgotten first, unless --keep is given. Where a running service holds the embedded log, it reads the topics again
    within a minute.
    """
    if not keep and not yes:
        typer.confirm("Forget every fact, also those that the topics no longer have?", abort=True, err=True)

    async def work(settings: Settings, database: Database) -> Rebuilt:
        await migrate(database)
        async with AsyncExitStack() as stack:
            log = await _log_if_free(settings, stack)
            await FactWriter(database).begin_again(forget=not keep)
            if log is None:
                return Rebuilt(not keep, 0, "service")
            return Rebuilt(not keep, await _follow(log, database), "here")

    done = _with(config, data_dir, work)
    text = f"{counted(done.records, 'record')} read" if done.follows == "here" else "the running service reads the topics again"
    show(done, as_json, lambda: say(text))


async def _log_if_free(settings: Settings, stack: AsyncExitStack) -> Log | None:
    """The log; None where a running service holds it, which will follow by itself."""
    try:
        log = await open_log(settings, SystemClock())
    except LogInUseError:
        return None
    stack.push_async_callback(log.close)
    return log


async def _follow(log: Log, database: Database) -> int:
    follower, records = Follower(log, database, NullMetrics()), 0
    while moved := await follower.catch_up():
        records += moved
    return records


def _with(config: Path | None, data_dir: Path | None, work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    options: dict[str, Any] = {"log": {"path": data_dir / "tidegate.db"}} if data_dir else {}
    settings = load_settings(config, options=options)

    async def run() -> T:
        async with AsyncExitStack() as stack:
            return await work(settings, await open_history(settings, stack))

    return asyncio.run(run())


async def _write(file: TextIO, facts: AsyncIterator[dict[str, Any]], form: Format, kind: FactKind) -> int:
    count = 0
    columns = columns_of(kind)
    writer = csv.writer(file, lineterminator="\n")
    if form is Format.CSV:
        writer.writerow(columns)
    async for fact in facts:
        count += 1
        if form is Format.CSV:
            writer.writerow([_cell(fact.get(column)) for column in columns])
        else:
            file.write(json.dumps(fact, separators=(",", ":")) + "\n")
    return count


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_RISKY) else value
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else value


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error


def _draw(found: HistoryStatus) -> None:
    say(f"{found.database}: form {found.form or 'none yet'} (this release: {found.newest_form}), {found.bytes:,} bytes")
    table(("kind", "rows"), sorted(found.rows.items()), "kind")
    table(
        ("topic", "next offset by partition"),
        [
            (topic, " ".join(f"{part}:{offset}" for part, offset in sorted(each.items())))
            for topic, each in found.next_offsets.items()
        ],
        "topic",
    )
