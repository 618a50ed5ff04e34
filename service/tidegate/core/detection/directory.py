"""Names to codes: sites, gateways and devices, each given a number once, in the order in which they were first seen.

State refers to numbers, facts and people to names. Bounded: callers ask `is_full` before adding a device.
"""

from dataclasses import dataclass

from tidegate.contracts.ids import DeviceId, GatewayId, MetricName, ProfileName, SiteId


@dataclass(frozen=True, slots=True)
class Known:
    """What admission needs of a known device, in one look-up. `profile` is empty when its profile left the configuration."""

    slot: int
    profile: ProfileName
    metrics: tuple[MetricName, ...]


class Directory:
    """Sites, gateways and devices by code, and back."""

    def __init__(self) -> None:
        self.sites: list[SiteId] = []
        self.gateways: list[tuple[SiteId, GatewayId]] = []
        self.devices: list[tuple[SiteId, DeviceId]] = []
        self.profile_codes: list[int] = []
        self.known: dict[tuple[SiteId, DeviceId], Known] = {}
        self.gateway_codes: dict[tuple[SiteId, GatewayId], int] = {}
        self.site_codes: dict[SiteId, int] = {}

    def site(self, name: SiteId) -> int:
        """Code of a site, given now if it has none."""
        if name not in self.site_codes:
            self.site_codes[name] = len(self.sites)
            self.sites.append(name)
        return self.site_codes[name]

    def gateway(self, site: SiteId, name: GatewayId) -> int:
        """Code of a gateway, given now if it has none."""
        key = (site, name)
        if key not in self.gateway_codes:
            self.gateway_codes[key] = len(self.gateways)
            self.gateways.append(key)
        return self.gateway_codes[key]

    def add_device(
        self, site: SiteId, device: DeviceId, profile_code: int, profile: ProfileName, metrics: tuple[MetricName, ...]
    ) -> Known:
        """Give a new device its slot."""
        known = Known(len(self.devices), profile, metrics)
        self.devices.append((site, device))
        self.profile_codes.append(profile_code)
        self.known[site, device] = known
        return known

    def gateway_name(self, code: int) -> GatewayId | None:
        """Name of a gateway; null for −1."""
        return self.gateways[code][1] if code >= 0 else None
