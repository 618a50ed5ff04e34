"""How a device is, in so far as it may speak against a move: what allocation asks detection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contracts.ids import AnomalyId, DeviceId, SiteId

CONFIDENT: Final = 0.5
"""Confidence (0 to 1) from which an anomaly is acted upon: half sure, after some 256 readings. One of less is only told: it is
held against no gateway, and halts no plan."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`readings` were scored since the device is known; `anomaly` is the open one, `confidence` (0 to 1) of it."""

    readings: int = 0
    silent: bool = False
    anomaly: AnomalyId | None = None
    confidence: float = 0.0

    @property
    def is_heard(self) -> bool:
        """Whether it sends readings, and is not silent."""
        return self.readings > 0 and not self.silent


Conditions = Callable[[SiteId, Sequence[DeviceId]], list[Condition]]
"""The conditions of devices of a site, in their order, as of the last batch; of one that is unknown nothing was heard."""


def nothing_heard(site: SiteId, devices: Sequence[DeviceId]) -> list[Condition]:
    """Conditions where nobody listens."""
    return [Condition() for _ in devices]
