"""Acks: what a gateway says about itself and about the devices it was given. Bounded, for the last one of each is kept."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tidegate.contracts.ids import DeviceField, GatewayField, SiteField, TimeField, WholeField, is_clean
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import InputError

MAX_ACK_REASON: Final = 500
"""Characters of an ack's reason."""

MAX_ACK_DETAILS: Final = 16
"""Entries of an ack's detail, each of at most `MAX_ACK_DETAIL` characters in name and value."""

MAX_ACK_DETAIL: Final = 128
"""Characters."""


class AckKind(StrEnum):
    """What a gateway says about itself or about a device."""

    HEARTBEAT = "heartbeat"
    RESERVED = "reserved"
    RELEASED = "released"
    ACTIVE = "active"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ack:
    """A gateway's word, about itself (heartbeat) or about the assignment of `device` under `epoch`.

    `sent_at_ms` is by the gateway's clock and orders its words: of one epoch the latest counts, and a repeat has no effect.
    `reason` has at most 500 characters, `detail` at most 16 entries of at most 128 characters each way.

    With `leases` a heartbeat says that the gateway takes part in hand-overs: it serves only what it has a lease of, stops by
    itself when the lease ends, and answers a reservation with `reserved` or `refused`, a revocation with `released`.
    """

    site: SiteField
    gateway: GatewayField
    kind: AckKind
    sent_at_ms: TimeField
    device: DeviceField | None = None
    epoch: WholeField | None = None
    reason: str = ""
    detail: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    leases: bool = False


def check_ack(ack: Ack) -> None:
    """Raise when `ack` breaks a rule that needs no state.

    Raises:
        InputError: a heartbeat names a device or epoch, another kind lacks one or speaks of leases, an identifier is not
            clean, or the text is longer than what is kept.
    """
    about = (ack.device, ack.epoch)
    if ack.kind is AckKind.HEARTBEAT and about != (None, None):
        raise InputError("a heartbeat names a device or an epoch", advice="leave both out, or send another kind")
    if ack.kind is not AckKind.HEARTBEAT and None in about:
        raise InputError(f"ack {ack.kind} needs device and epoch", advice="take both from the assignment")
    if ack.kind is not AckKind.HEARTBEAT and ack.leases:
        raise InputError(f"ack {ack.kind} has leases", advice="say it in a heartbeat")
    for name, identifier in (("site", ack.site), ("gateway", ack.gateway), ("device", ack.device)):
        if identifier is not None and not is_clean(identifier):
            raise InputError(f"{name} {identifier!r} has control characters or surrounding blanks - at `$.{name}`")
    _check_text(ack)


def _check_text(ack: Ack) -> None:
    pieces = [text for pair in ack.detail.items() for text in pair]
    longest = max(map(len, pieces), default=0)
    if len(ack.reason) > MAX_ACK_REASON or len(ack.detail) > MAX_ACK_DETAILS or longest > MAX_ACK_DETAIL:
        raise InputError(
            f"an ack with a reason of {len(ack.reason)} characters and {len(ack.detail)} details of up to {longest}, expected "
            f"at most {MAX_ACK_REASON}, {MAX_ACK_DETAILS} and {MAX_ACK_DETAIL}",
            advice="shorten them",
        )
    if not all(text.isprintable() for text in (ack.reason, *pieces)):
        raise InputError("an ack's reason or detail has control characters", advice="send printable text")
