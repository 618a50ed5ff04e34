"""`tidegate keys`: API keys, straight in the history database, so that the first can be made before the service runs."""

import asyncio
import getpass
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.history import SqlAudit, SqlKeys, migrate
from tidegate.api.access.keys import new_key
from tidegate.bootstrap.history import open_history
from tidegate.cli.wording import counted
from tidegate.contracts.access import ApiKey, AuditEntry, AuditResult, KeyMade, KeyRequest, PrincipalKind
from tidegate.contracts.codec import encode
from tidegate.contracts.daily import DAY_MS
from tidegate.errors import ConfigurationError, InputError
from tidegate.settings import load_settings

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys in the history database (docs/access.md).")

_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": DAY_MS}

Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings (also TIDEGATE_CONFIG).")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded log, as `serve` has it. Default ./var.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="Id, as `list` shows it.")]

_CREATE = """
Examples:

  tidegate keys create first-admin --grant admin@*

  tidegate keys create line-3-gateway --grant producer@plant-7 --grant reader@plant-7 --expires 90d

Exit codes: 0 made, 2 the command line or settings cannot be used, 3 the history database cannot be reached.
"""

_ROTATE = """
Example:

  tidegate keys rotate 0f3c5a7d9b1e2468 --keep 1h

Exit codes: 0 made, 2 there is no such key, or it is over, 3 the history database cannot be reached.
"""

_LIST = """
Example:

  tidegate keys list --json

Exit codes: 0 done, 2 the settings cannot be used, 3 the history database cannot be reached.
"""

_REVOKE = """
Example:

  tidegate keys revoke 0f3c5a7d9b1e2468

Exit codes: 0 done, 2 there is no such key, 3 the history database cannot be reached.
"""


@dataclass(frozen=True, slots=True)
class _Desk:
    """The stores, and who works with them."""

    keys: SqlKeys
    audit: SqlAudit
    now_ms: int
    who: str

    async def note(self, action: str) -> None:
        """Put on record what is done next: no key is made or ended without."""
        entry = AuditEntry(
            secrets.token_hex(12), self.now_ms, self.who, PrincipalKind.SHELL, action, None, AuditResult.TAKEN, 202
        )
        await self.audit.record(entry)

    async def make(self, request: KeyRequest) -> KeyMade:
        """A new key, kept."""
        stored, made = new_key(request, self.who, self.now_ms)
        await self.note(f"create-key {stored.key.id}")
        await self.keys.add(stored)
        return made


@app.command(epilog=_CREATE)
def create(
    name: Annotated[str, typer.Argument(help="What the audit calls whoever uses it.")],
    grant: Annotated[list[str], typer.Option(help="role@site, and again for more: reader, producer, operator, admin; * is any.")],
    expires: Annotated[str | None, typer.Option(help="Ends by itself after 30m, 12h, 90d. Default: when it is revoked.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: it is stored as a hash."""

    async def work(desk: _Desk) -> KeyMade:
        return await desk.make(KeyRequest(name, grant, None if expires is None else desk.now_ms + _span_ms(expires)))

    _show(_with(config, data_dir, work), as_json=as_json)


@app.command(name="list", epilog=_LIST)
def list_keys(config: Config = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List all keys without their secrets, the last made first; also those that are over."""
    keys = _with(config, data_dir, lambda desk: desk.keys.all())
    if as_json:
        typer.echo(encode(keys).decode())
        return
    now_ms = SystemClock().now_ms()
    for key in keys:
        typer.echo(_line(key, now_ms))
    typer.echo(counted(len(keys), "key"), err=True)


@app.command(epilog=_REVOKE)
def revoke(key: KeyId, config: Config = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """End a key: within two seconds no process takes it any more."""

    async def work(desk: _Desk) -> ApiKey:
        await desk.note(f"revoke-key {key[:32]}")
        return _found(await desk.keys.revoke(key, desk.now_ms), key)

    revoked = _with(config, data_dir, work)
    typer.echo(encode(revoked).decode() if as_json else f"revoked {revoked.id} ({revoked.name})")


@app.command(epilog=_ROTATE)
def rotate(
    key: KeyId,
    keep: Annotated[str, typer.Option(help="How long the old one still works: 30m, 12h, 1d.")] = "1d",
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key of the same name and grants and print it, this once; the old one ends after a while."""

    async def work(desk: _Desk) -> KeyMade:
        until_ms = desk.now_ms + _span_ms(keep)
        stored = await desk.keys.find(key)
        old = _found(None if stored is None else stored.key, key)
        if not old.is_good(desk.now_ms):
            raise InputError(f"key {key!r} is over, and its grants with it", advice="tidegate keys create makes a new one")
        made = await desk.make(KeyRequest(old.name, old.grants))
        await desk.note(f"expire-key {key}")
        await desk.keys.expire(key, until_ms)
        return made

    _show(_with(config, data_dir, work), as_json=as_json)


def _found(key: ApiKey | None, key_id: str) -> ApiKey:
    if key is None:
        raise InputError(
            f"there is no key {key_id[:100]!r}", advice="tidegate keys list shows them; it takes the id, not the key"
        )
    return key


def _show(made: KeyMade, *, as_json: bool) -> None:
    """The secret alone on standard output, so that `$(…)` catches it and nothing else."""
    if as_json:
        typer.echo(encode(made).decode())
        return
    typer.echo(f"key {made.key.id} ({made.key.name}) grants {', '.join(made.key.grants)}; it is shown this once:", err=True)
    typer.echo(made.secret)


def _line(key: ApiKey, now_ms: int) -> str:
    over = "revoked" if key.revoked_at_ms is not None else "" if key.is_good(now_ms) else "expired"
    state = over or (f"until {_day(key.expires_at_ms)}" if key.expires_at_ms else "good")
    used = f"used {_day(key.last_used_at_ms)}" if key.last_used_at_ms else "never used"
    return f"{key.id}  {state:<16}  {used:<15}  made {_day(key.created_at_ms)}  {key.name}  {', '.join(key.grants)}"


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).date().isoformat()


def _span_ms(text: str) -> int:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found is None:
        raise ConfigurationError(f"time is {text!r}, expected such as 30m, 12h or 90d")
    return int(found[1]) * _UNIT_MS[found[2]]


def _with(config: Path | None, data_dir: Path | None, work: Callable[[_Desk], Awaitable[T]]) -> T:
    log: dict[str, Any] = {"log": {"path": data_dir / "tidegate.db"}} if data_dir else {}
    settings = load_settings(config, options=log)

    async def run() -> T:
        async with AsyncExitStack() as stack:
            database = await open_history(settings, stack)
            await migrate(database)
            return await work(_Desk(SqlKeys(database), SqlAudit(database), SystemClock().now_ms(), getpass.getuser()))

    return asyncio.run(run())
