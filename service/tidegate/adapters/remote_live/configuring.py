"""`ports.Configuring` of a door without workers: sites are asked about where they are worked, the rest is this process's."""

from collections.abc import Sequence
from dataclasses import replace

from tidegate.adapters.remote_live.asking import Asking
from tidegate.contracts.configuration_views import BundleUse, BundleView, ConfigurationView, SiteProfilesView, Verification
from tidegate.contracts.preview import ProfilesPreview
from tidegate.contracts.profile import Profile
from tidegate.ports import Configuring


class RemoteConfiguring:
    """Over the workers' answers and `own`, what this process knows by itself: all have the same profiles and bundles."""

    def __init__(self, asking: Asking, own: Configuring) -> None:
        self._asking = asking
        self._own = own

    async def configuration(self) -> ConfigurationView:
        """What this process runs under, with what every site has of its own."""
        parts = await self._asking.all(Configuring.configuration)
        sites = sorted((site for part in parts for site in part.sites), key=lambda view: view.site)
        return replace(await self._own.configuration(), sites=sites)

    async def profiles(self, site: str) -> SiteProfilesView:
        """The profiles in force at `site`."""
        return await self._asking.owner(site, Configuring.profiles, site)

    async def preview(self, site: str, profiles: Sequence[Profile]) -> ProfilesPreview:
        """What `profiles` would have made of the readings that are kept; computed where the site is worked."""
        return await self._asking.owner(site, Configuring.preview, site, profiles)

    async def bundles(self) -> Sequence[BundleView]:
        """Every bundle there is here, with whom the workers serve by it; loaded where all of them have it."""
        parts = [{(view.name, view.version): view for view in part} for part in await self._asking.all(Configuring.bundles)]
        return [
            self._joined(view, [part[key] for part in parts if (key := (view.name, view.version)) in part], len(parts))
            for view in await self._own.bundles()
        ]

    async def verify(self, name: str, version: str) -> Verification | None:
        """Check a bundle as it lies here."""
        return await self._own.verify(name, version)

    def _joined(self, view: BundleView, said: Sequence[BundleView], workers: int) -> BundleView:
        uses: list[BundleUse] = sorted((use for each in said for use in each.uses), key=lambda use: (use.site, use.profile))
        return replace(view, uses=uses, loaded=len(said) == workers and all(each.loaded for each in said))
