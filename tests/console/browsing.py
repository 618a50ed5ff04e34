"""A headless Chromium that reports what goes wrong in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import ConsoleMessage, Page, Route, sync_playwright

PATIENCE_MS = 20_000


@dataclass
class Watch:
    """What a page did that it must not."""

    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def route(self, route: Route) -> None:
        host = urlsplit(route.request.url).hostname
        if host in {"127.0.0.1", None}:
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()

    def message(self, message: ConsoleMessage) -> None:
        # A socket that breaks because its service ends is no error of the page, which says so and tries again.
        if message.type == "error" and "net::ERR_" not in message.text and "WebSocket" not in message.text:
            self.errors.append(message.text)


@dataclass(frozen=True)
class Browser:
    chromium: Chromium

    @contextmanager
    def visit(self) -> Iterator[Page]:
        """A page with cookies of its own, in which nothing goes wrong."""
        watch = Watch()
        context = self.chromium.new_context(viewport={"width": 1360, "height": 860}, color_scheme="light")
        context.set_default_timeout(PATIENCE_MS)
        try:
            context.route("**/*", watch.route)
            page = context.new_page()
            page.on("console", watch.message)
            page.on("pageerror", lambda error: watch.errors.append(str(error)))
            yield page
        finally:
            context.close()
        assert not watch.errors, watch.errors
        assert not watch.strangers, watch.strangers


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
