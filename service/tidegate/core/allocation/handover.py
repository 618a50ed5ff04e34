"""How one device goes from the gateway that holds it to the next one, so that it never has two: a function of words and ticks.

Two things have to come together before the target may serve (docs/decisions/0015): it has set aside the room (`reserved`),
and the holder has let go (`Hold.FREE`), by its word or because its lease is over. They may come in either order; a dead
holder is revoked at once, one that lives only when there is somewhere to go.

A holder serves on knowledge that is at most `lease_ms` old by its own monotonic clock. Whatever it reads after the revocation
is committed tells it to stop. The lease is therefore counted from the first later tick, which a worker takes only when the
commit has returned, and `clock_error_ms` is added for what clocks and jumps of ours may be wrong by meanwhile.

Reads no clock, says nothing to the outside, knows neither plans nor grants.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.ids import GatewayId

UNANSWERED: Final = "it did not answer in time"


class Hold(StrEnum):
    """Whether the holder may still serve."""

    HELD = "held"
    REVOKED = "revoked"
    FREE = "free"


class Next(StrEnum):
    """What is to be done with a hand-over."""

    WAIT = "wait"
    ACTIVATE = "activate"
    """The target has the room, the holder has let go."""
    RETURN = "return"
    """The target gave no room, and the holder was never told to stop: it goes on."""
    RELEASE = "release"
    """The target gave no room, and the holder was told to stop: nobody serves until another target is found."""
    FORGET = "forget"
    """There is no target, and nobody holds it any more."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited: for a target's answer, and beyond the end of a lease. Milliseconds of ticks."""

    answer_ms: int
    clock_error_ms: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the device, under which epoch and lease."""

    gateway: GatewayId
    epoch: int
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Handover:
    """Where one device's hand-over stands. `target` None: it is only being taken away.

    `asked_ms` is the tick at which the target was asked, `revoked_ms` that of the batch that told the holder to stop, and
    `counted_from_ms` that of the first later one. `refusal` says why the target gives no room; empty while it may.
    """

    holder: Holder | None
    hold: Hold
    target: GatewayId | None
    epoch: int
    asked_ms: int
    reserved: bool = False
    refusal: str = ""
    revoked_ms: int | None = None
    counted_from_ms: int | None = None

    def towards(self, target: GatewayId | None, epoch: int, now_ms: int, *, reserved: bool) -> "Handover":
        """The same device on its way to another target under a new epoch; what the holder was told stays told."""
        return replace(self, target=target, epoch=epoch, asked_ms=now_ms, reserved=reserved, refusal="")

    def revoke(self, now_ms: int) -> "Handover":
        """Tell the holder to stop, in the batch of tick `now_ms`. Without effect when it was told, or when there is none."""
        return replace(self, hold=Hold.REVOKED, revoked_ms=now_ms) if self.hold is Hold.HELD else self


def begin(holder: Holder | None, target: GatewayId | None, epoch: int, now_ms: int, *, reserved: bool) -> Handover:
    """The first state. `holder` None: nobody has promised to stop, so there is nobody to wait for.

    `reserved`: the target takes no part in hand-overs, and is not asked.
    """
    return Handover(holder, Hold.FREE if holder is None else Hold.HELD, target, epoch, now_ms, reserved)


def hear(handover: Handover, ack: Ack) -> Handover:
    """Take in a word about this device; one of a stranger, of another epoch or of another time has no effect.

    A holder's `released` answers a revocation: said before one, it promises nothing about what is read later.
    """
    holder, about = handover.holder, (ack.gateway, ack.epoch)
    if holder is not None and about == (holder.gateway, holder.epoch):
        gone = ack.kind is AckKind.RELEASED and handover.hold is Hold.REVOKED
        return replace(handover, hold=Hold.FREE) if gone else handover
    if about != (handover.target, handover.epoch):
        return handover
    if ack.kind is AckKind.RESERVED and not handover.refusal:
        return replace(handover, reserved=True)
    if ack.kind is AckKind.REFUSED:
        return replace(handover, reserved=False, refusal=ack.reason or "it refused")
    return handover


def advance(handover: Handover, now_ms: int, patience: Patience) -> Handover:
    """Where it stands at tick `now_ms`, which never falls."""
    if handover.target is not None and not handover.reserved and now_ms - handover.asked_ms >= patience.answer_ms:
        handover = replace(handover, refusal=handover.refusal or UNANSWERED)
    if handover.target is not None and handover.reserved:
        handover = handover.revoke(now_ms)
    return _let_go(handover, now_ms, patience)


def _let_go(handover: Handover, now_ms: int, patience: Patience) -> Handover:
    if handover.hold is not Hold.REVOKED or handover.holder is None or handover.revoked_ms is None:
        return handover
    if handover.counted_from_ms is None:
        return replace(handover, counted_from_ms=now_ms) if now_ms > handover.revoked_ms else handover
    over = now_ms - handover.counted_from_ms >= handover.holder.lease_ms + patience.clock_error_ms
    return replace(handover, hold=Hold.FREE) if over else handover


def next_of(handover: Handover) -> Next:
    """What is to be done now."""
    if handover.target is None:
        return Next.FORGET if handover.hold is Hold.FREE else Next.WAIT
    if handover.refusal:
        return Next.RETURN if handover.revoked_ms is None else Next.RELEASE
    return Next.ACTIVATE if handover.reserved and handover.hold is Hold.FREE else Next.WAIT


def longest_without_owner_ms(lease_ms: int, patience: Patience, tick_ms: int, delivery_ms: int) -> int:
    """The longest a device is without owner while its target lives: answers within its time, and hears what is said to it.

    `tick_ms` is the longest time between two committed batches of its site, `delivery_ms` until the target knows of a
    committed fact. A target that does not answer costs `answer_ms` and another plan.
    """
    return max(lease_ms + patience.clock_error_ms + 2 * tick_ms, patience.answer_ms + tick_ms) + tick_ms + delivery_ms
