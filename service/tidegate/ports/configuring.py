"""What the door asks about profiles and bundles of the sites that this process works."""

from collections.abc import Sequence
from typing import Protocol

from tidegate.contracts.configuration_views import BundleView, ConfigurationView, SiteProfilesView, Verification
from tidegate.contracts.preview import ProfilesPreview
from tidegate.contracts.profile import Profile


class Configuring(Protocol):
    """Changes nothing: what is changed goes through the log as a command.

    Raises:
        DependencyError: the site's partition is still being restored, or worked by another process.
    """

    async def configuration(self) -> ConfigurationView:
        """What this process runs under, secrets left out."""
        ...

    async def profiles(self, site: str) -> SiteProfilesView:
        """The profiles in force at `site`, everybody's where it has none of its own; also for a site never heard of."""
        ...

    async def preview(self, site: str, profiles: Sequence[Profile]) -> ProfilesPreview:
        """What `profiles`, as all that `site` has of its own, would have made of the readings that the log still keeps.

        Reads and computes aside; ends early when it is cancelled or a bound is reached, never with an error for that. One at a
        time: another is refused.

        Raises:
            InputError: a profile breaks a rule.
            CommandRefused: a profile wants a bundle that is not loaded.
            DependencyError: another preview is running, or the log cannot be read.
        """
        ...

    async def bundles(self) -> Sequence[BundleView]:
        """Every bundle in the configured folders, loaded or not, with who is served by it."""
        ...

    async def verify(self, name: str, version: str) -> Verification | None:
        """Check files, graph and behaviour of a bundle; None when there is none of this name and version."""
        ...
