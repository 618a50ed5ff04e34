"""What a gateway may serve and what it has to say, as a function of what it read and when. No clock, no network, no service.

The rules that "never two owners" rests on are these three: it serves only what it has read to be its own and leased; what it
read counts from the moment at which it asked, by a clock that nobody sets; and it says `released` only of what it has read to
be revoked or gone. Nothing need be remembered over a restart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.resources import Resources

FULL: Final = "no room for another device"

_SERVING: Final = (Phase.ACTIVE, Phase.RESERVING)


@dataclass(frozen=True, slots=True)
class Served:
    """A device that is served under `epoch`, until `until_seconds` of the monotonic clock (None: without end)."""

    device: DeviceId
    epoch: int
    grant: Resources
    until_seconds: float | None


@dataclass(slots=True)
class Following:
    """One gateway of one site. `most_devices` bounds what it serves and reserves together; None: no bound.

    `without_lease` lets it serve what carries no lease, for a service that hands nothing over: another gateway may then
    serve the same device for a while.
    """

    site: SiteId
    gateway: GatewayId
    without_lease: bool = False
    most_devices: int | None = None
    _held: dict[DeviceId, Served] = field(default_factory=dict)
    _reserved: dict[DeviceId, int] = field(default_factory=dict)
    _refused: dict[DeviceId, int] = field(default_factory=dict)
    _released: dict[DeviceId, int] = field(default_factory=dict)

    def learn(self, assignments: Iterable[Assignment], asked_seconds: float) -> None:
        """Take over all assignments that name this gateway, as they stood at `asked_seconds` (monotonic) or later."""
        mine = {each.device: each for each in assignments if each.site == self.site}
        held, released = {}, {}
        for device, each in mine.items():
            if each.gateway == self.gateway and each.phase in _SERVING and (each.lease_ms is not None or self.without_lease):
                until = None if each.lease_ms is None else asked_seconds + each.lease_ms / 1000
                held[device] = Served(device, each.epoch, each.grant, until)
            elif each.gateway == self.gateway and each.phase is Phase.REVOKING:
                released[device] = each.epoch
        # What is not named any more was taken away. What was released goes on being said: a word may have been lost.
        gone = {device: served.epoch for device, served in self._held.items() if device not in mine}
        self._released = {device: epoch for device, epoch in self._released.items() if device not in mine} | gone | released
        self._held = held
        self._reserve({device: each.coming.epoch for device, each in mine.items() if self._is_coming(each) and each.coming})

    def served(self, now_seconds: float) -> dict[DeviceId, Served]:
        """What may be served at `now_seconds` (monotonic)."""
        return {
            device: each for device, each in self._held.items() if each.until_seconds is None or now_seconds < each.until_seconds
        }

    def next_end_seconds(self) -> float | None:
        """When the first lease ends (monotonic) if nothing is read until then."""
        return min((each.until_seconds for each in self._held.values() if each.until_seconds is not None), default=None)

    def words(self, sent_at_ms: int, now_seconds: float) -> list[Ack]:
        """Everything there is to say now; saying it again is harmless, and mends what was lost."""
        said = [
            *((AckKind.ACTIVE, device, each.epoch, "") for device, each in self.served(now_seconds).items()),
            *((AckKind.RESERVED, device, epoch, "") for device, epoch in self._reserved.items()),
            *((AckKind.REFUSED, device, epoch, FULL) for device, epoch in self._refused.items()),
            *((AckKind.RELEASED, device, epoch, "") for device, epoch in self._released.items()),
        ]
        return [Ack(self.site, self.gateway, kind, sent_at_ms, device, epoch, reason) for kind, device, epoch, reason in said]

    def heartbeat(self, sent_at_ms: int) -> Ack:
        """That it lives, and whether it follows leases."""
        return Ack(self.site, self.gateway, AckKind.HEARTBEAT, sent_at_ms, leases=not self.without_lease)

    def forget(self, words: Iterable[Ack]) -> None:
        """Say no more that what `words` name was released; call it once they are durable."""
        for word in words:
            if word.kind is AckKind.RELEASED and word.device is not None and self._released.get(word.device) == word.epoch:
                del self._released[word.device]

    def _is_coming(self, assignment: Assignment) -> bool:
        return assignment.coming is not None and assignment.coming.gateway == self.gateway

    def _reserve(self, coming: dict[DeviceId, int]) -> None:
        """Set aside room for `coming`, first come first served; a refusal stands for its epoch."""
        self._refused = {device: epoch for device, epoch in self._refused.items() if coming.get(device) == epoch}
        kept = {device: epoch for device, epoch in coming.items() if self._reserved.get(device) == epoch}
        for device, epoch in coming.items():
            if device in kept or device in self._refused:
                continue
            if self.most_devices is not None and len(self._held) + len(kept) >= self.most_devices:
                self._refused[device] = epoch
            else:
                kept[device] = epoch
        self._reserved = kept
