"""One operation of the REST door: method and path template, as OpenAPI has them. A test holds all of them against it."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tidegate.errors import InputError

_REPEATABLE_METHODS: Final = frozenset({"GET", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Route:
    """`harmless_twice`: a second request has no second effect, though the method does not promise it (RFC 9110)."""

    method: str
    template: str
    harmless_twice: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether to ask again when it is not known what became of a request."""
        return self.harmless_twice or self.method in _REPEATABLE_METHODS

    def path(self, names: dict[str, str]) -> str:
        """The path for these identifiers, percent-encoded, so that each stays one segment whatever it holds.

        Raises:
            InputError: an identifier is empty, which would make it another path.
        """
        return self.template.format_map({name: _segment(name, value) for name, value in names.items()})


def _segment(name: str, value: str) -> str:
    if not value:
        raise InputError(f"{name} is empty, expected an identifier")
    try:
        encoded = quote(value, safe="")
    except UnicodeEncodeError as error:
        raise InputError(f"{name} {value!r} cannot be written in a path: {error.reason}") from error
    # "." and ".." would be taken out of the path on the way, as RFC 3986 has it.
    return encoded.replace(".", "%2E") if set(encoded) == {"."} else encoded
