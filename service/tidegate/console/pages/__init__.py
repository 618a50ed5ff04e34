"""One module a page."""

from tidegate.console.pages import fleet, health, login
from tidegate.console.visit import page


def register() -> None:
    """Serve every page."""
    page("/", "Fleet", fleet.build)
    page("/health", "Health", health.build)
    login.register()
