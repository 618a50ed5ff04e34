"""Maintenance: the windows in which no anomaly opens, by site. Does not judge; who opens an anomaly asks here first.

Time is event time, so that a replay of old data and a backlog meet the windows that the readings fell into. Bounded: past
windows go after a while, and a full site takes no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tidegate.contracts.codec import from_builtins, to_builtins
from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.maintenance import MaintenanceWindow, WindowId
from tidegate.errors import CommandRefused

MOST_WINDOWS: Final = 100
"""Windows of one site."""

MOST_SITES: Final = 10_000
"""Sites with windows, of one partition: a site may be named before anything is heard of it."""

KEPT_MS: Final = 7 * DAY_MS
"""Milliseconds of a site's event time for which a past window is kept: late readings may still fall into it."""

Named = tuple[SiteId, DeviceId, GatewayId | None]
"""A device by its names: its site, its own, its gateway's."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A window with its devices to look up."""

    window: MaintenanceWindow
    devices: frozenset[DeviceId]

    @property
    def is_whole(self) -> bool:
        return not self.devices and self.window.gateway is None

    def means(self, device: DeviceId, gateway: GatewayId | None) -> bool:
        return self.is_whole or device in self.devices or (gateway is not None and gateway == self.window.gateway)


class Maintenance:
    """Windows by site, in the order of their declaration."""

    def __init__(self) -> None:
        self._sites: dict[SiteId, dict[WindowId, _Kept]] = {}

    def __bool__(self) -> bool:
        return bool(self._sites)

    def declare(self, site: SiteId, window: MaintenanceWindow) -> None:
        """Add `window`, in place of one of the same id.

        Raises:
            CommandRefused: the site, or the partition, has as many as it may.
        """
        windows = self._sites.get(site, {})
        if window.id not in windows and len(windows) >= MOST_WINDOWS:
            raise CommandRefused(
                f"site {site!r} has {MOST_WINDOWS} maintenance windows, expected fewer",
                advice="cancel some, or name more devices in one",
            )
        if not windows and len(self._sites) >= MOST_SITES:
            raise CommandRefused(f"{MOST_SITES} sites have maintenance windows, expected fewer", advice="cancel some")
        self._sites.setdefault(site, {})[window.id] = _keep(window)

    def cancel(self, site: SiteId, window: WindowId) -> None:
        """Take a window away.

        Raises:
            CommandRefused: there is none of this id, or it is forgotten.
        """
        windows = self._sites.get(site, {})
        if window not in windows:
            raise CommandRefused(f"site {site!r} has no maintenance window {window!r}", advice="GET its windows for their ids")
        del windows[window]
        if not windows:
            del self._sites[site]

    def forget(self, site: SiteId, before_ms: int) -> None:
        """Drop windows of `site` that were over for good before `before_ms`."""
        kept = {name: each for name, each in self._sites.get(site, {}).items() if each.window.ends_ms >= before_ms}
        if kept:
            self._sites[site] = kept
        else:
            self._sites.pop(site, None)

    def covering(self, named: Named, since_ms: int, until_ms: int | None = None) -> MaintenanceWindow | None:
        """The first window in force for a device at `since_ms`, or at any time from there to `until_ms` if that is given."""
        site, device, gateway = named
        return next((each.window for each in self._in_force(site, since_ms, until_ms) if each.means(device, gateway)), None)

    def covers_site(self, site: SiteId, since_ms: int, until_ms: int) -> bool:
        """Whether a window of the whole site is in force at any time from `since_ms` to `until_ms`."""
        return any(each.is_whole for each in self._in_force(site, since_ms, until_ms))

    def sites(self) -> list[SiteId]:
        """Sites with windows."""
        return list(self._sites)

    def windows(self, site: SiteId) -> list[MaintenanceWindow]:
        """The windows of `site` that are kept."""
        return [each.window for each in self._sites.get(site, {}).values()]

    def _in_force(self, site: SiteId, since_ms: int, until_ms: int | None) -> Iterator[_Kept]:
        for each in self._sites.get(site, {}).values():
            if each.window.covers_time(since_ms) if until_ms is None else each.window.overlaps(since_ms, until_ms):
                yield each

    def export_state(self) -> list[Any]:
        """All windows as builtins; `restore` is its inverse."""
        return [[site, [to_builtins(each.window) for each in windows.values()]] for site, windows in self._sites.items()]

    def restore(self, state: list[Any]) -> None:
        """Take over exported windows.

        Raises:
            InputError: `state` is not such an export.
        """
        for site, windows in state:
            made = [from_builtins(window, MaintenanceWindow) for window in windows]
            self._sites[SiteId(site)] = {window.id: _keep(window) for window in made}


def _keep(window: MaintenanceWindow) -> _Kept:
    return _Kept(window, frozenset(window.devices))
