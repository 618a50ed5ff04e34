"""Where a visitor without a good key ends up. A plain form: the key must reach the cookie, and no script."""

from fastapi import Request
from nicegui import ui

from tidegate.console.credential import MAX_KEY
from tidegate.console.frame import dress
from tidegate.console.markup import Markup


def register() -> None:
    """Serve the form."""

    @ui.page("/login", title="Log in · Tidegate")
    def show(request: Request) -> None:
        dress()
        with ui.element("div").classes("content login"):
            ui.html(_form(request.query_params.get("next", ""), refused="refused" in request.query_params))


def _form(way_back: str, *, refused: bool) -> Markup:
    complaint = Markup('<p class="complaint" role="alert">This key opens nothing: it is unknown, expired or revoked.</p>')
    return Markup(
        '<form action="login" method="post"><h1><img src="assets/favicon.svg" alt="" width="28" height="28">Tidegate</h1>{}'
        '<label>API key<input name="key" type="password" autocomplete="current-password" maxlength="{}" required></label>'
        '<input type="hidden" name="next" value="{}"><button class="solid">Log in</button>'
        '<p class="dim">An admin makes keys with <code>tidegate keys create</code>. The key stays in this browser until it is '
        "closed, and is sent to this service alone.</p></form>"
    ).format(complaint if refused else "", MAX_KEY, way_back)
