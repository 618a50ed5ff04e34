"""Acks through the door: one, or a list of one site, checked as far as can be without state."""

from typing import Final

from tidegate.contracts.ack import Ack, check_ack
from tidegate.contracts.codec import decode
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import InputError, SchemaVersionError

MAX_ACKS: Final = 1000
"""Acks in one request: a gateway reports all of its devices in a few."""


def take_acks(body: bytes) -> list[Ack]:
    """The acks in `body`, at least one, all of one site.

    Raises:
        InputError: not JSON, a wrong, missing or unusable field, no ack, too many, or more than one site; names which.
        SchemaVersionError: an ack has a version this release does not know.
    """
    listed = body.lstrip()[:1] == b"["
    acks = decode(body, list[Ack]) if listed else [decode(body, Ack)]
    if not 1 <= len(acks) <= MAX_ACKS:
        raise InputError(f"{len(acks)} acks, expected 1 to {MAX_ACKS}", advice="send them in more requests")
    for index, ack in enumerate(acks):
        _check(ack, acks[0].site, f"$[{index}]" if listed else "$")
    return acks


def _check(ack: Ack, site: str, path: str) -> None:
    if ack.schema_version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"expected schema version {SCHEMA_VERSION}, got {ack.schema_version} - at `{path}.schema_version`"
        )
    if ack.site != site:
        raise InputError(
            f"mixed sites: expected {site!r}, got {ack.site!r} - at `{path}.site`", advice="send one request per site"
        )
    try:
        check_ack(ack)
    except InputError as error:
        raise InputError(f"{error.message} - at `{path}`", advice=error.advice) from error
