"""HTML of which every part that came from outside is text, whatever it looks like; and the addresses of pages.

`Markup.format` escapes each value that is not itself `Markup`. Nothing here joins plain strings into HTML.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

from markupsafe import Markup

__all__ = ["Markup", "address", "device_link", "joined"]


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """`parts` one after the other; those that are plain text are escaped."""
    return Markup("{}").format(between).join(parts)


def address(page: str, **query: str | None) -> str:
    """A page beside this one, with what it is asked; identifiers are encoded, and null is left out."""
    wanted = {name: value for name, value in query.items() if value is not None}
    return f"{page or './'}?{urlencode(wanted)}" if wanted else page or "./"


def device_link(site: str, device: str) -> Markup:
    """The device's name, leading to its page."""
    return Markup('<a href="{}">{}</a>').format(address("device", site=site, device=device), device)
