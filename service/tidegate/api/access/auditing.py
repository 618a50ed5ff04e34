"""Puts on record who asked for what. One structured log line for each entry, and the entry itself in the audit trail.

When the trail cannot be written, what an admin does to keys and configuration is refused, for that is how somebody would
cover their tracks. What an operator asks of a site is let through with its log line alone: a kill switch has to work
while a database is away.
"""

import secrets
from dataclasses import asdict, dataclass

import structlog

from tidegate.api.access.principal import Caller
from tidegate.contracts.access import AuditEntry, AuditResult
from tidegate.contracts.ids import CommandId
from tidegate.errors import DependencyError
from tidegate.ports import AuditTrail, Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody asks for: a command's kind or a route, at a site where it is about one."""

    action: str
    site: str | None = None
    command: CommandId | None = None
    issued_by: str = ""


class Auditor:
    """Writes entries. Without a trail there are log lines only."""

    def __init__(self, trail: AuditTrail | None, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    async def before(self, caller: Caller, deed: Deed, *, must: bool) -> None:
        """Record `deed` before it is done, so that nothing is done without a record of it.

        Raises:
            DependencyError: it `must` be in the trail, and the trail cannot be written. Nothing may be done then.
        """
        caller.recorded = True
        await self._write(self._entry(caller, deed, AuditResult.TAKEN, 202), must=must)

    async def after(self, caller: Caller, deed: Deed, status: int, code: str) -> None:
        """Record what became of an attempt that nobody recorded before; never fails."""
        result = AuditResult.REFUSED if status >= 400 else AuditResult.TAKEN
        await self._write(self._entry(caller, deed, result, status, code), must=False)

    def _entry(self, caller: Caller, deed: Deed, result: AuditResult, status: int, code: str = "") -> AuditEntry:
        return AuditEntry(
            id=secrets.token_hex(12),
            at_ms=self._clock.now_ms(),
            principal=deed.issued_by or caller.principal.name,
            kind=caller.principal.kind,
            action=deed.action,
            site=deed.site,
            result=result,
            status=status,
            code=code,
            command=deed.command,
            request_id=caller.request_id,
            address=caller.address,
        )

    async def _write(self, entry: AuditEntry, *, must: bool) -> None:
        shown = {name: value for name, value in asdict(entry).items() if value not in ("", None)}
        _log.info("audit", **shown)
        if self._trail is None:
            return
        try:
            await self._trail.record(entry)
        except DependencyError as error:
            _log.error("audit_not_written", audit_id=entry.id, error=str(error))
            if must:
                raise DependencyError(
                    "the audit cannot be written, and this is not done without", advice="repair the history database"
                ) from error
