"""What is counted for the people who run the service."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import AnomalyStatus, DeviceState, Severity
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.plan import DecisionStatus, Phase, Trigger
from tidegate.contracts.views import (
    Balance,
)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one committed batch of one partition did.

    `readings` counts this batch's readings by outcome; `neg_log10_p` float64 [scored] is their rarity, NaN where a device
    could not be judged. `late` readings came after a newer one of their device and count; `rerun` earlier ones were stepped
    again for them, and `anomalies_revised` amended or retracted. `moves` are those of applied plans, `assignments` what was
    granted or taken away, `grants_renewed` those that only changed a grant. `seconds` is by stage: `decode`, `core`, `commit`.
    """

    readings: Balance = field(default_factory=Balance)
    dead_letters: Mapping[DeadLetterReason, int] = field(default_factory=dict)
    neg_log10_p: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    late: int = 0
    rerun: int = 0
    anomalies_opened: Mapping[tuple[Severity, ProfileName], int] = field(default_factory=dict)
    anomalies_revised: Mapping[AnomalyStatus, int] = field(default_factory=dict)
    decisions: Mapping[tuple[DecisionStatus, Trigger], int] = field(default_factory=dict)
    moves: Mapping[Trigger, int] = field(default_factory=dict)
    assignments: Mapping[Phase, int] = field(default_factory=dict)
    grants_renewed: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Levels:
    """How one partition stands after a batch. `utilisation_max_ratio`: load over capacity, fullest gateway and resource.

    `headroom_ratio`: share of capacity left free without one gateway, the worst one and resource; infinite without a topology.

    `drain_seconds`: until nothing of a topic waits; infinite when its lag does not fall, NaN while that is not known.
    """

    lag_records: Mapping[str, int] = field(default_factory=dict)
    event_time_lag_seconds: float = 0.0
    devices: Mapping[DeviceState, int] = field(default_factory=dict)
    pending_messages: int = 0
    anomalies_open: int = 0
    incidents_open: int = 0
    unserved_devices: int = 0
    utilisation_max_ratio: float = 0.0
    tail_readings: int = 0
    drain_seconds: Mapping[str, float] = field(default_factory=dict)
    headroom_ratio: float = math.inf
    suspect_gateways: int = 0
    censored_devices: int = 0
    short_devices: int = 0


@dataclass(frozen=True, slots=True)
class Ages:
    """How long ago, in seconds, what should happen all the time last did: by these a stuck process is seen.

    `turn_seconds`: a worker's loop last gave a sign of life; `commit_seconds`: it last committed; `transaction_seconds`: the
    commit under way began, 0 without one; `held_seconds`: an input was last not held back by somebody's open transaction;
    `plan_seconds`: the planner last answered, 0 while nothing is asked of it.
    """

    turn_seconds: float = 0.0
    commit_seconds: float = 0.0
    transaction_seconds: float = 0.0
    held_seconds: float = 0.0
    plan_seconds: float = 0.0

    @classmethod
    def worst(cls, ages: "Iterable[Ages]") -> "Ages":
        """The largest of each; of none, zeros."""
        return cls(*map(max, zip((0.0,) * 5, *(astuple(each) for each in ages), strict=True)))


@dataclass(frozen=True, slots=True)
class LettersWaiting:
    """Dead letters that the log keeps and nobody replayed, by reason, and when the oldest was written (null: there is none)."""

    by_reason: Mapping[DeadLetterReason, int] = field(default_factory=dict)
    oldest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryLag:
    """How far history is behind its topics: records not written yet, and for how long it has not been level with them."""

    records: int = 0
    seconds: float = 0.0


class Metrics(Protocol):
    """Counts what the service does, for the people who run it. Nothing in Tidegate reads a metric back.

    Cheap, safe to call from any thread, never raises. Labels come from closed sets: no device, site or gateway is named.
    """

    def batch(self, report: BatchReport) -> None:
        """Count a committed batch; a batch replayed after a restart is not counted again."""
        ...

    def levels(self, partition: int, levels: Levels) -> None:
        """Set how `partition` stands; shown are sums over this process's partitions, of lags and ratios the worst."""
        ...

    def watch(self, ages: Callable[[], Ages]) -> None:
        """Ask `ages` whenever metrics are shown: what hangs cannot report it."""
        ...

    def replayed(self, batches: int) -> None:
        """Count batches replayed from the journal when a partition was taken over."""
        ...

    def owned(self, partitions: Collection[int]) -> None:
        """Set which partitions this process works; forgets how others stood."""
        ...

    def rebalanced(self) -> None:
        """Count a sharing out of the partitions."""
        ...

    def taken_over(self) -> None:
        """Count a partition restored and put to work here."""
        ...

    def fenced(self) -> None:
        """Count a partition whose commit was refused because another owner took it over, or the cluster aborted it."""
        ...

    def batch_failed(self) -> None:
        """Count a batch on which the core raised."""
        ...

    def planning(self) -> AbstractContextManager[None]:
        """Measure the block as one plan; one that raises counts as failed."""
        ...

    def bundles(self, identities: Mapping[str, float]) -> None:
        """Say which bundles serve (`name/version@digest`), and when each was made (Unix seconds); replaces what was said."""
        ...

    def log_bytes(self, used: int) -> None:
        """Set the bytes the embedded log uses."""
        ...

    def history_written(self, records: int, seconds: float) -> None:
        """Count a transaction of history, with the records it took and its time."""
        ...

    def history_failed(self, code: str) -> None:
        """Count a round of history that failed, by the code of our error."""
        ...

    def history_pruned(self, rows: int) -> None:
        """Count rows of history that went for their age."""
        ...

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` is a path template or `unmatched`, `method` one HTTP knows or `other`."""
        ...

    def render(self) -> bytes:
        """Everything counted, in the Prometheus text format."""
        ...
