"""Configuration: what is in force, profiles that are a site's own, and bundles."""

from typing import Final

from tidegate.client.commands import keyed
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.configuration_views import (
    Activation,
    BundleView,
    ConfigurationView,
    ProfilesBody,
    ProfilesReceipt,
    SiteProfilesView,
    Verification,
)
from tidegate.contracts.preview import ProfilesPreview
from tidegate.contracts.rest import CommandReceipt

_CONFIGURATION: Final = Route("GET", "/v1/configuration")
_PROFILES: Final = Route("GET", "/v1/sites/{site}/profiles")
_PUT: Final = Route("PUT", "/v1/sites/{site}/profiles")
_PREVIEW: Final = Route("POST", "/v1/sites/{site}/profiles/preview", harmless_twice=True)
_BUNDLES: Final = Route("GET", "/v1/bundles")
_VERIFY: Final = Route("POST", "/v1/bundles/{name}/{version}/verify", harmless_twice=True)
_ACTIVATE: Final = Route("POST", "/v1/bundles/{name}/{version}/activate")


class Configuration:
    """`/v1/configuration`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def get(self) -> ConfigurationView:
        """What the process that answers runs under."""
        return await self._wire.ask(_CONFIGURATION, ConfigurationView)


class Profiles:
    """`/v1/sites/{site}/profiles`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def get(self, site: str) -> SiteProfilesView:
        """The profiles in force at a site."""
        return await self._wire.ask(_PROFILES, SiteProfilesView, {"site": site})

    async def put(
        self, site: str, profiles: ProfilesBody, *, replaces: str | None = None, key: str | None = None
    ) -> ProfilesReceipt:
        """Replace what a site has of its own; with `replaces`, only while the profiles in force have that digest."""
        condition = {} if replaces is None else {"if-match": f'"{replaces}"'}
        return await self._wire.ask(_PUT, ProfilesReceipt, {"site": site}, body=profiles, headers=keyed(key) | condition)

    async def preview(self, site: str, profiles: ProfilesBody) -> ProfilesPreview:
        """What they would have made of the readings that are kept; takes up to a minute, so give the client that long."""
        return await self._wire.ask(_PREVIEW, ProfilesPreview, {"site": site}, body=profiles)


class Bundles:
    """`/v1/bundles`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(self) -> list[BundleView]:
        """Every bundle there is, with who is served by it."""
        return await self._wire.ask(_BUNDLES, list[BundleView])

    async def verify(self, name: str, version: str) -> Verification:
        """Check a bundle's files, graph and behaviour where it is to serve."""
        return await self._wire.ask(_VERIFY, Verification, {"name": name, "version": version})

    async def activate(self, name: str, version: str, activation: Activation, *, key: str | None = None) -> CommandReceipt:
        """Let a bundle serve one profile of one site."""
        names = {"name": name, "version": version}
        return await self._wire.ask(_ACTIVATE, CommandReceipt, names, body=activation, headers=keyed(key))
