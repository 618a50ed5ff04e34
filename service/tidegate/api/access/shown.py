"""Which facts of a stream somebody is shown: those of sites they may read."""

from collections.abc import Callable

from tidegate.api.access.principal import Principal
from tidegate.api.feed import FeedEvent
from tidegate.contracts.access import EVERY_SITE, Role


def facts_shown_to(principal: Principal) -> Callable[[FeedEvent], bool] | None:
    """What picks `principal`'s facts out of all; None where that is all of them, which costs nothing."""
    if principal.may(Role.READER, EVERY_SITE):
        return None
    sites = principal.sites(Role.READER)
    return lambda event: event.site in sites
