"""Maintenance windows: when no anomaly is to open for some devices of a site, because somebody is working on them."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Final, NewType

import msgspec
from pydantic import Field, StringConstraints

from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.ids import (
    MAX_ID_LENGTH,
    MAX_INTEGER,
    CommandId,
    DeviceField,
    DeviceId,
    GatewayField,
    GatewayId,
    SiteId,
    is_clean,
)
from tidegate.errors import InputError

WindowId = NewType("WindowId", str)

WindowField = Annotated[
    WindowId,
    msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH),
    StringConstraints(min_length=1, max_length=MAX_ID_LENGTH, strict=True),
]

WEEK_MS: Final = 7 * DAY_MS
"""Milliseconds after which a weekly window comes again: by UTC, whatever clocks on walls are set to meanwhile."""

LONGEST_WINDOW_MS: Final = 366 * DAY_MS
"""Milliseconds. Longer than any work; a window without an end is a way to forget a device."""

MOST_WINDOW_DEVICES: Final = 1000
"""Devices that a window names; more are a gateway's or a whole site's."""

_MOST_REASON_CHARACTERS: Final = 500

WindowTime = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER), Field(ge=0, le=MAX_INTEGER)]


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """From `from_ms` (inclusive) to `until_ms` (exclusive), Unix milliseconds of event time.

    Of `devices`, or of the devices that `gateway` serves at the time; of the whole site when neither is given. With
    `weekly_until_ms` it comes again every 7 days (UTC), as long as it begins before that time.
    """

    id: WindowField
    from_ms: WindowTime
    until_ms: WindowTime
    reason: Annotated[str, msgspec.Meta(max_length=_MOST_REASON_CHARACTERS), Field(max_length=_MOST_REASON_CHARACTERS)] = ""
    devices: Annotated[list[DeviceField], msgspec.Meta(max_length=MOST_WINDOW_DEVICES), Field(max_length=MOST_WINDOW_DEVICES)] = (
        field(default_factory=list)
    )
    gateway: GatewayField | None = None
    weekly_until_ms: WindowTime | None = None

    def covers_time(self, at_ms: int) -> bool:
        """Whether the window is in force at `at_ms`."""
        since_ms = at_ms - self.from_ms
        if self.weekly_until_ms is not None and since_ms >= 0:
            since_ms -= since_ms // WEEK_MS * WEEK_MS
            if at_ms - since_ms >= self.weekly_until_ms:
                return False
        return 0 <= since_ms < self.until_ms - self.from_ms

    def overlaps(self, since_ms: int, until_ms: int) -> bool:
        """Whether it is in force at any time from `since_ms` to `until_ms`, inclusive."""
        if self.covers_time(since_ms):
            return True
        next_ms = self.from_ms
        if self.weekly_until_ms is not None and since_ms > next_ms:
            next_ms += -((next_ms - since_ms) // WEEK_MS) * WEEK_MS
        return since_ms <= next_ms <= until_ms and self.covers_time(next_ms)

    @property
    def ends_ms(self) -> int:
        """When it is over for good."""
        if self.weekly_until_ms is None or self.weekly_until_ms <= self.from_ms:
            return self.until_ms
        weeks = (self.weekly_until_ms - 1 - self.from_ms) // WEEK_MS
        return self.until_ms + weeks * WEEK_MS

    def covers(self, device: DeviceId, gateway: GatewayId | None) -> bool:
        """Whether it is of `device`, served by `gateway`; when is another question."""
        if self.devices or self.gateway is not None:
            return device in self.devices or (gateway is not None and gateway == self.gateway)
        return True

    @property
    def text(self) -> str:
        """What explanations say of it."""
        return f"maintenance window {self.id!r}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True, slots=True)
class MaintenanceView:
    """A window of a site with who declared it and when (tick); `cancelled_at_ms` is null unless it was called off."""

    site: SiteId
    window: MaintenanceWindow
    declared_by: str
    declared_at_ms: int
    command: CommandId
    cancelled_by: str | None = None
    cancelled_at_ms: int | None = None

    def in_force(self, at_ms: int) -> bool:
        """Whether it is in force at `at_ms`: not before it began, nor after it ended or was called off."""
        return self.window.covers_time(at_ms) and (self.cancelled_at_ms is None or at_ms < self.cancelled_at_ms)

    def cancelled(self, by: str, at_ms: int) -> "MaintenanceView":
        """The same window, called off."""
        return replace(self, cancelled_by=by, cancelled_at_ms=at_ms)


def check_window(window: MaintenanceWindow) -> None:
    """Raise when `window` breaks a rule of its own.

    Raises:
        InputError: an identifier is not clean, the window is empty, too long or comes again before it is over, or it names
            devices and a gateway.
    """
    for name in (window.id, *window.devices, *([] if window.gateway is None else [window.gateway])):
        if not is_clean(name):
            raise InputError(f"identifier {name[:80]!r} of a maintenance window has control characters or surrounding blanks")
    if window.until_ms <= window.from_ms:
        raise InputError(f"maintenance window {window.id!r} ends at {window.until_ms}, expected after {window.from_ms}")
    if window.until_ms - window.from_ms > LONGEST_WINDOW_MS:
        raise InputError(f"maintenance window {window.id!r} is longer than 366 days", advice="declare a shorter one")
    if window.weekly_until_ms is not None and window.until_ms - window.from_ms > WEEK_MS:
        raise InputError(f"maintenance window {window.id!r} comes every 7 days, expected at most 7 days long")
    if window.devices and window.gateway is not None:
        raise InputError(f"maintenance window {window.id!r} names devices and a gateway", advice="declare two windows")
