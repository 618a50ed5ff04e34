"""The roster: which devices there are, under which profile, in which lane and rows. Lays their state out, and anew.

Does not score. Everything that lives in arrays is reached from here.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import DeviceId, GatewayId, ProfileName, SiteId
from tidegate.core.classifier import Classifier, Model
from tidegate.core.detection.directory import Directory, Known
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.look import AnyLane, Subject
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.silence import Sites
from tidegate.core.detection.state import Devices
from tidegate.errors import BundleError

RELEARNED: Final = (
    "settled",
    "surprise",
    "sustained",
    "rarity",
    "alarm_rarity",
    "device_survivors",
    "device_readings",
    "missed",
    "dropout_rarity",
    "dropout_survivors",
    "dropout_readings",
    "course_metric",
    "course_count",
)
"""Columns of a device that start fresh when its metrics or its bundle change."""

RETIRED: Final = ProfileName("")
"""Stands for the profile of a device whose own has left the configuration: no reading can name it."""


class Roster:
    """Devices, sites and lanes with their names."""

    def __init__(self, configuration: CoreConfiguration, forecasters: Mapping[str, Model]) -> None:
        self.profiles = Profiles(configuration, forecasters)
        self.directory = Directory()
        self.devices = Devices()
        self.sites = Sites()
        self.lanes: list[AnyLane] = []
        self.lane_keys: list[str] = []
        self.awaited: dict[tuple[SiteId, DeviceId], int] = {}
        self._forecasters = forecasters

    def welcome(self) -> None:
        """Give state to the devices that the directory has met since the last call."""
        first, count = self.devices.size, len(self.directory.devices) - self.devices.size
        if count == 0:
            return
        slots = np.arange(self.devices.append(count), first + count)
        named = self.directory.devices[first:]
        self.devices.site[slots] = [self.directory.site(site) for site, _ in named]
        self.devices.profile[slots] = self.directory.profile_codes[first:]
        self.sites.append(len(self.directory.sites) - self.sites.size)
        self._lay_out(slots)
        for slot, key in enumerate(named, start=first):
            if key in self.awaited:
                self._give(slot, self.awaited.pop(key))

    def assign(self, site: SiteId, device: DeviceId, gateway: GatewayId | None, most_awaited: int) -> None:
        """Note who serves a device, known or yet to come (at most `most_awaited` of those)."""
        code = -1 if gateway is None else self.directory.gateway(site, gateway)
        known = self.directory.known.get((site, device))
        if known is not None and known.slot < self.devices.size:
            self._give(known.slot, code)
        elif (site, device) in self.awaited or len(self.awaited) < most_awaited:
            self.awaited[site, device] = code

    def configure(self, configuration: CoreConfiguration, forget: Callable[[NDArray[np.int64]], None]) -> None:
        """Take over the profiles of `configuration`. Devices that have other metrics or another bundle now learn anew; others
        go on, also those whose profile is their site's own now, or no longer.

        `forget` is told whose past ends: theirs, and that of devices whose profile takes no late readings any more.
        """
        before = list(zip(self.profiles.metrics, self.profiles.bundle_keys, strict=True))
        was = self.devices.profile[: self.devices.size].copy()
        self.profiles.configure(configuration)
        after = list(zip(self.profiles.metrics, self.profiles.bundle_keys, strict=True))
        profile = self._named_anew()
        pairs, pair = np.unique(np.stack([was, profile]), axis=1, return_inverse=True)
        differs = np.array([before[old] != after[new] for old, new in pairs.T.tolist()], dtype=bool)
        changed = differs[pair.ravel()]
        forget(np.flatnonzero(changed | (self.profiles.lateness_ms[profile] == 0)))
        self.devices.profile[: self.devices.size] = profile
        self._name_rows(np.flatnonzero(~changed & (was != profile)))
        slots = np.flatnonzero(changed)
        if len(slots):
            self._leave(slots)
            for name in RELEARNED:
                self.devices.arrays[name][slots] = self.devices.layout[name].fill
            self._lay_out(slots)
        self.index()

    def index(self) -> None:
        """Make the directory's look-up agree with the profiles in force."""
        for slot, key in enumerate(self.directory.devices):
            code = self.directory.profile_codes[slot]
            name, current = self.profiles.names[code], self.profiles.profile(code)
            self.directory.known[key] = Known(slot, name, tuple(current.metrics)) if current else Known(slot, RETIRED, ())

    def _named_anew(self) -> NDArray[np.int32]:
        """Codes of the devices' profiles by what their names mean now; of a name that means nothing any more, as they were."""
        codes = self.directory.profile_codes
        for slot, (site, _) in enumerate(self.directory.devices):
            found = self.profiles.at(site, self.profiles.names[codes[slot]])
            if found is not None:
                codes[slot] = found[0]
        return np.array(codes[: self.devices.size], dtype=np.int32)

    def _name_rows(self, slots: NDArray[np.int64]) -> None:
        """Let the rows of `slots` be of the metrics of their present profiles, which are the same in the same order."""
        for slot in slots.tolist():
            codes = self.profiles.metric_codes[self.devices.profile[slot]]
            self.lanes[self.devices.lane[slot]].rename(int(self.devices.first_row[slot]), codes)

    def _leave(self, slots: NDArray[np.int64]) -> None:
        """Give up the rows of `slots`; the rows of others close ranks."""
        for lane in self.lanes:
            rows = lane.rows
            kept = np.flatnonzero(~np.isin(rows.device[: rows.size], slots))
            moved = np.cumsum(np.bincount(kept, minlength=rows.size)) - 1
            stay = np.unique(rows.device[kept])
            self.devices.first_row[stay] = moved[self.devices.first_row[stay]]
            rows.keep(kept)

    def subject(self, slot: int) -> Subject:
        """What explanations need of a device."""
        return Subject(self.devices, self.profiles, self.lanes[self.devices.lane[slot]], slot)

    def named(self, slot: int) -> tuple[SiteId, DeviceId, GatewayId | None]:
        """A device's names: its site, its own, its gateway's."""
        site, device = self.directory.devices[slot]
        return site, device, self.directory.gateway_name(int(self.devices.gateway[slot]))

    def _give(self, slot: int, gateway: int) -> None:
        moved = self.devices.gateway[slot] != gateway
        self.devices.assigned[slot] = True
        if moved:
            self.devices.gateway[slot] = gateway
            self.devices.vouches[slot] = False

    def _lay_out(self, slots: NDArray[np.int64]) -> None:
        """Append fresh rows for `slots`, in their order, in the lanes of their profiles."""
        profile = self.devices.profile[slots]
        lane = np.array([self.lane(self.profiles.bundle_keys[code]) for code in profile], dtype=np.int32)
        self.devices.lane[slots] = lane
        for code in np.unique(lane):
            mine = slots[lane == code]
            metrics = [self.profiles.metric_codes[of] for of in self.devices.profile[mine]]
            self.devices.first_row[mine] = self.lanes[code].seat(mine, metrics)

    def lane(self, key: str) -> int:
        """Code of the lane of bundle `key`, opened now if there is none.

        Raises:
            BundleError: there is none, and the bundle is not installed.
        """
        if key not in self.lane_keys:
            try:
                model = self._forecasters[key]
            except KeyError as error:
                raise BundleError(
                    f"bundle {error.args[0]!r} is not installed, and what is to be read was scored by it",
                    advice="put its folder into one that `bundles` names, and start again; then activate another",
                ) from error
            lane = RecordLane(model) if isinstance(model, Classifier) else Lane(model)
            self.lane_keys.append(key)
            self.lanes.append(lane)
        return self.lane_keys.index(key)
