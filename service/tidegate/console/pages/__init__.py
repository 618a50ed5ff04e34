"""One module a page."""

from tidegate.console.pages import anomalies, device, find, fleet, health, login, plans
from tidegate.console.visit import page


def register() -> None:
    """Serve every page."""
    page("/", "Fleet", fleet.build)
    page("/device", "Device", device.build)
    page("/anomalies", "Anomalies", anomalies.build)
    page("/plans", "Plans", plans.build)
    page("/health", "Health", health.build)
    page("/find", "Find", find.build)
    login.register()
