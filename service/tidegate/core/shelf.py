"""The shelf: which bundle each name means in one partition, and which bundles there are.

A name keeps its meaning while a device is served under it: a newer version that is put beside it serves nobody until it is
activated. What a name means is journaled, so a replay means the same.
"""

from collections.abc import Iterator, Mapping, Set

from tidegate.core.classifier import Model
from tidegate.errors import BundleError


class Shelf(Mapping[str, Model]):
    """Bundles by name and by `name/version`. A name with a meaning whose bundle is not installed raises KeyError."""

    def __init__(self, forecasters: Mapping[str, Model]) -> None:
        self._installed = {forecaster.identity: forecaster for forecaster in forecasters.values()}
        self.meant = {key: forecaster.identity for key, forecaster in forecasters.items()}
        self.offered: Mapping[str, str] = dict(self.meant)

    def offer(self, bundles: Mapping[str, str], in_use: Set[str]) -> None:
        """Let `bundles` (identity by name) be what there is from now on; names `in_use` keep their meaning."""
        kept = {key: identity for key, identity in self.meant.items() if key in in_use}
        self.meant = {**bundles, **kept}
        self.offered = bundles

    def on_offer(self) -> "Offer":
        """What there is to be activated."""
        return Offer(self._installed, self.offered)

    def __getitem__(self, key: str) -> Model:
        return self._installed[self.meant[key]]

    def __contains__(self, key: object) -> bool:
        return key in self.meant

    def __iter__(self) -> Iterator[str]:
        return iter(self.meant)

    def __len__(self) -> int:
        return len(self.meant)


class Offer(Mapping[str, Model]):
    """Bundles that may be activated, by name and by `name/version`, as they are journaled."""

    def __init__(self, installed: Mapping[str, Model], offered: Mapping[str, str]) -> None:
        self._installed, self._offered = installed, offered

    def __getitem__(self, key: str) -> Model:
        """The bundle.

        Raises:
            BundleError: it was there when the journal was written, and is not installed now: what it led to cannot be repeated.
        """
        identity = self._offered[key]
        if identity not in self._installed:
            raise BundleError(f"bundle {identity!r} is not installed, and was activated", advice="put its folder back")
        return self._installed[identity]

    def __contains__(self, key: object) -> bool:
        return key in self._offered

    def __iter__(self) -> Iterator[str]:
        return iter(self._offered)

    def __len__(self) -> int:
        return len(self._offered)
