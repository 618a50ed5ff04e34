"""What people said: of anomalies and incidents, and when they are at work on devices."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from tidegate.contracts.annotation import Annotations
from tidegate.contracts.maintenance import MaintenanceView


class Notes(Protocol):
    """Commands that annotate or declare maintenance, once the worker has accepted them. Behind the log as views are."""

    async def annotations(self, subjects: Collection[str]) -> Mapping[str, Annotations]:
        """What was said of the anomalies and incidents with these ids; those nobody spoke of are left out."""
        ...

    async def maintenance(self, site: str) -> Sequence[MaintenanceView]:
        """The windows of `site`, cancelled and past ones too as far as they are kept, the latest declared first."""
        ...
