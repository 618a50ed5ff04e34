"""What is around every page: where one is, how fresh what one sees is, light or dark, and whose eyes it has."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from nicegui import ui

from tidegate.client import ProblemError
from tidegate.console.markup import Markup, joined
from tidegate.console.wording import duration, moment
from tidegate.contracts.views import Health

if TYPE_CHECKING:
    from tidegate.console.visit import Visit

_PAGES: Final = (("./", "Fleet"), ("anomalies", "Anomalies"), ("plans", "Plans"), ("health", "Health"))
_THEMES: Final[dict[str | None, bool]] = {"dark": True, "light": False}

_REMEMBER: Final = """
const theme = document.body.classList.contains("body--dark") ? "light" : "dark";
Quasar.Dark.set(theme === "dark");
document.cookie = `tidegate_theme=${theme}; path=${window.path_prefix}; max-age=31536000; samesite=strict`;
"""


def frame(visit: "Visit", title: str, theme: str | None) -> None:
    """Draw the frame; what is drawn next stands inside it."""
    dress()
    ui.dark_mode(_THEMES.get(theme))
    ui.html(_skip(), tag="div")
    with ui.element("header").classes("bar"):
        ui.html(_navigation(title), tag="nav").props('aria-label="Pages"')
        _find_device()
        ui.space()
        pulse = ui.html("", tag="div").classes("pulse").props('role="status"')
        ui.button(icon="contrast").props('flat dense round text-color=grey aria-label="Light or dark"').on(
            "click", js_handler=f"() => {{{_REMEMBER}}}"
        )
        if visit.who is not None and visit.who.access_control:
            ui.html(_who(visit.who.name), tag="div").classes("who")

    async def beat() -> None:
        pulse.set_content(_pulse(await _freshness(visit)))

    visit.keep(beat)


def dress() -> None:
    """Give the page our looks."""
    ui.add_head_html('<link rel="stylesheet" href="assets/console.css">')
    ui.colors(primary="#0f766e", negative="#b91c1c", positive="#15803d", warning="#b45309")


async def _freshness(visit: "Visit") -> tuple[str, str, str]:
    """Mark, word and details of how far what one sees may be trusted."""
    board = visit.board
    who = await board.ask("who", board.client.access.whoami, seconds=10)
    if isinstance(who.error, ProblemError) and who.error.status == HTTPStatus.UNAUTHORIZED:
        return "bad", "logged out", "the key is no longer accepted; load the page anew to log in"
    answer = await board.ask("ready", board.client.operation.readiness, seconds=2)
    health: Health | None = answer.value
    age = board.age_seconds(answer)
    if answer.error is not None:
        return "bad", "no answer", f"{answer.error.message}; what you see is {duration(age)} old"
    if health is not None and not health.ready:
        return "warn", "not ready", "; ".join(health.reasons)
    return "good", "live", f"as of {moment(board.wall_ms(answer))} UTC"


def _pulse(freshness: tuple[str, str, str]) -> Markup:
    mark, word, details = freshness
    return Markup('<span class="dot {}" aria-hidden="true"></span><b>{}</b> <span class="dim">{}</span>').format(
        mark, word, details
    )


def _navigation(title: str) -> Markup:
    links = joined(
        Markup('<a href="{}"{}>{}</a>').format(where, Markup(' aria-current="page"') if name == title else "", name)
        for where, name in _PAGES
    )
    return Markup('<a class="brand" href="./"><img src="assets/favicon.svg" alt="" width="22" height="22">Tidegate</a>{}').format(
        links
    )


def _find_device() -> None:
    """A way to any device that does not lead over the map."""
    with ui.element("form").props('action="find" method="get" role="search"').classes("find"):
        ui.element("input").props('name="device" placeholder="Find a device" aria-label="Find a device" autocomplete="off"')


def _skip() -> Markup:
    return Markup('<a class="skip" href="#content">Skip to the content</a>')


def _who(name: str) -> Markup:
    return Markup(
        '<span class="dim">{}</span><form action="logout" method="post"><button class="plain">Log out</button></form>'
    ).format(name)
