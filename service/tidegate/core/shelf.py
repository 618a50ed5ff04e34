"""The shelf: which bundle each name means in one partition, and which bundles there are.

A name keeps its meaning while a device is served under it: a newer version that is put beside it serves nobody until it is
activated. What a name means is journaled, so a replay means the same.
"""

from collections.abc import Iterator, Mapping, Set

from tidegate.core.forecaster import Forecaster


class Shelf(Mapping[str, Forecaster]):
    """Bundles by name and by `name/version`. A name with a meaning whose bundle is not installed raises KeyError."""

    def __init__(self, forecasters: Mapping[str, Forecaster]) -> None:
        self._installed = {forecaster.identity: forecaster for forecaster in forecasters.values()}
        self.meant = {key: forecaster.identity for key, forecaster in forecasters.items()}
        self.offered: Mapping[str, str] = dict(self.meant)

    def offer(self, bundles: Mapping[str, str], in_use: Set[str]) -> None:
        """Let `bundles` (identity by name) be what there is from now on; names `in_use` keep their meaning."""
        kept = {key: identity for key, identity in self.meant.items() if key in in_use}
        self.meant = {**bundles, **kept}
        self.offered = bundles

    def __getitem__(self, key: str) -> Forecaster:
        return self._installed[self.meant[key]]

    def __contains__(self, key: object) -> bool:
        return key in self.meant

    def __iter__(self) -> Iterator[str]:
        return iter(self.meant)

    def __len__(self) -> int:
        return len(self.meant)
