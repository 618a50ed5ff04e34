"""What people said, from the table of notes: annotations of anomalies and incidents, and maintenance windows.

Notes are folded when asked for, in the order in which the worker took them: there are few of each subject.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.adapters.history.detection_tables import NOTES
from tidegate.adapters.history.documents import clean
from tidegate.adapters.history.tables import ANOMALIES, COMMANDS
from tidegate.contracts.annotation import NOTHING_SAID, Acknowledgement, Annotations, AnomalyLabel, LabelGiven, with_label
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import SiteId
from tidegate.contracts.maintenance import MaintenanceView, WindowId
from tidegate.contracts.views import CommandStatus

_ACKNOWLEDGES: Final = (CommandKind.ACKNOWLEDGE_ANOMALY, CommandKind.ACKNOWLEDGE_INCIDENT)
_WINDOWS: Final = (CommandKind.DECLARE_MAINTENANCE, CommandKind.CANCEL_MAINTENANCE)


async def annotations(connection: AsyncConnection, subjects: Collection[str]) -> Mapping[str, Annotations]:
    """What was said of these anomalies and incidents; those nobody spoke of are left out."""
    by_clean = {clean(subject): subject for subject in subjects}
    wanted = NOTES.c.kind.in_([*_ACKNOWLEDGES, CommandKind.LABEL_ANOMALY])
    said: dict[str, Annotations] = {}
    for row in (await connection.execute(_accepted(NOTES.c.subject.in_(by_clean), wanted))).all():
        subject = by_clean[row.subject]
        said[subject] = _with(said.get(subject, NOTHING_SAID), row)
    return said


async def maintenance(connection: AsyncConnection, site: str) -> Sequence[MaintenanceView]:
    """The windows of `site`, the latest declared first."""
    windows: dict[WindowId, MaintenanceView] = {}
    for row in (await connection.execute(_accepted(NOTES.c.site == clean(site), NOTES.c.kind.in_(_WINDOWS)))).all():
        command = decode(row.document, Command)
        if command.window is not None:
            windows.pop(command.window.id, None)
            view = MaintenanceView(SiteId(site), command.window, command.issued_by, row.decided_at_ms, command.id)
            windows[command.window.id] = view
        elif command.window_id in windows:
            windows[command.window_id] = windows[command.window_id].cancelled(command.issued_by, row.decided_at_ms)
    return list(reversed(windows.values()))


def is_acknowledged(wanted: bool) -> ColumnElement[bool]:
    """Whether somebody acknowledged an anomaly, or nobody did."""
    found = _of_anomaly(CommandKind.ACKNOWLEDGE_ANOMALY).exists()
    return found if wanted else ~found


def is_labelled(label: AnomalyLabel) -> ColumnElement[bool]:
    """Whether somebody says that an anomaly was `label`, and has said nothing else since."""
    later, their = NOTES.alias("later"), COMMANDS.alias("their")
    changed = (
        select(later.c.command)
        .join(their, their.c.id == later.c.command)
        .where(
            later.c.subject == NOTES.c.subject,
            later.c.kind == CommandKind.LABEL_ANOMALY,
            later.c.issued_by == NOTES.c.issued_by,
            later.c.place > NOTES.c.place,
            their.c.status == CommandStatus.ACCEPTED,
        )
        .exists()
    )
    return _of_anomaly(CommandKind.LABEL_ANOMALY).where(NOTES.c.label == label, ~changed).exists()


def _of_anomaly(kind: CommandKind) -> Select[Any]:
    return (
        select(NOTES.c.command)
        .join(COMMANDS, COMMANDS.c.id == NOTES.c.command)
        .where(NOTES.c.subject == ANOMALIES.c.id, NOTES.c.kind == kind, COMMANDS.c.status == CommandStatus.ACCEPTED)
    )


def _accepted(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(NOTES.c.subject, NOTES.c.document, COMMANDS.c.decided_at_ms)
        .join(COMMANDS, COMMANDS.c.id == NOTES.c.command)
        .where(COMMANDS.c.status == CommandStatus.ACCEPTED, *conditions)
        .order_by(NOTES.c.place)
    )


def _with(said: Annotations, row: Row[Any]) -> Annotations:
    command = decode(row.document, Command)
    if command.label is None:
        given = Acknowledgement(command.issued_by, row.decided_at_ms, command.reason, command.id)
        return Annotations(given, said.labels)
    label = LabelGiven(command.label, command.issued_by, row.decided_at_ms, command.reason, command.id)
    return Annotations(said.acknowledgement, with_label(said.labels, label))
