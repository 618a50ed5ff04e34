"""What a visitor does: a command, sent as they, and what became of it, said to them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui

from tidegate.client.commands import new_key
from tidegate.console.markup import Markup
from tidegate.console.visit import Visit
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import SiteId
from tidegate.contracts.views import CommandStatus
from tidegate.errors import TidegateError

_PATIENCE_SECONDS: Final = 15.0
"""For a decision; a command that is not decided by then stays on the log, and will be."""


async def act(visit: Visit, site: str, kind: CommandKind, done: str, **fields: Any) -> None:
    """Send a command of `kind`, and say `done` once it is accepted, or why it is not."""
    commands = visit.board.client.commands
    command = Command(new_key(), SiteId(site), kind, issued_by=visit.name, **fields)
    try:
        receipt = await commands.send(command)
        view = await commands.wait_for_outcome(receipt, seconds=_PATIENCE_SECONDS)
    except TidegateError as error:
        visit.say(f"Not done: {error}", "negative")
        return
    finally:
        visit.board.forget()
    if view.status is CommandStatus.ACCEPTED:
        visit.say(done, "positive")
    else:
        visit.say(f"Refused: {view.reason}", "warning")


def confirm(title: str, what: Markup, verb: str, do: Callable[[str], Awaitable[None]], *, danger: bool = False) -> None:
    """Show what would be done, and `do` it, with the reason that was given, once somebody says so."""
    with ui.dialog(value=True) as dialog, ui.element("div").classes("dialog").props('role="alertdialog"'):
        ui.html(Markup("<h2>{}</h2>{}").format(title, what))
        reason = ui.input("Reason, for the record").props("dense outlined maxlength=500").classes("wide")

        async def go() -> None:
            dialog.close()
            await do(reason.value or "")

        with ui.element("div").classes("buttons"):
            ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
            ui.button(verb, on_click=go).props(f"unelevated no-caps color={'negative' if danger else 'primary'}")
    dialog.on("hide", dialog.delete)
