"""Where alerts about single anomalies and incidents go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody is to be told. Its labels are its identity: told again with the same ones, it is the same alert.

    It is firing until `ends_at_ms` and resolved from then on. `link` leads to what it is about; empty where nobody said how.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at_ms: int
    ends_at_ms: int
    link: str = ""


class AlertSink(Protocol):
    """Tells people. May be told the same alert any number of times, by any number of processes; remembers nothing for us."""

    async def send(self, alerts: Sequence[Alert]) -> int:
        """Hand `alerts` over; returns how many of them were refused for good.

        Raises:
            DependencyError: nobody took them; they are to be sent again.
        """
        ...


class AlertMetrics(Protocol):
    """What is counted of alerts; must be cheap and must not raise."""

    def alerts_sent(self, sent: int, refused: int) -> None:
        """Count alerts that were handed over, and those of them that were refused."""
        ...

    def alerts_failed(self) -> None:
        """Count an attempt that failed."""
        ...

    def alerts_dropped(self, count: int) -> None:
        """Count alerts that were not kept, for there were too many."""
        ...
