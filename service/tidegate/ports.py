"""What the pipeline needs of the outside, as small Protocols. Adapters implement them; `bootstrap` picks.

Promises over time are in each docstring: may it block, may it be called twice, what survives a crash.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ack import Ack
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, DeviceState, Incident, IncidentStatus, Severity
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.letters import ALL_LETTERS, KeptLetter, LetterFilter
from tidegate.contracts.paging import AsOf, Page, PageRequest
from tidegate.contracts.plan import Assignment, DecisionStatus, Plan, Trigger
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import (
    Balance,
    CommandView,
    DecisionHistory,
    DecisionView,
    DeviceView,
    Explanation,
    GatewayView,
    Health,
    PartitionView,
    SiteView,
)
from tidegate.core.allocation.model import PlanRequest


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read from a log. `timestamp_ms` is when the log took it in."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be written. A null `value` is a tombstone in a compacted topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """What one batch of one input partition leaves behind; all of it becomes visible and durable together, or nothing does.

    `positions` are the next offsets to read, by input topic.
    """

    partition: int
    outputs: Sequence[Outgoing]
    positions: Mapping[str, int] = field(default_factory=dict)


class Log(Protocol):
    """A partitioned, durable, ordered log with one committing owner per partition.

    Every topic has `partitions` partitions. Readers see only what is committed. Offsets start at 0, rise by at least 1 and
    are never reused; old ones may be gone (`start_offset`), and some may never have been a record's (a transaction's marker).
    """

    @property
    def partitions(self) -> int:
        """The partition count shared by all topics."""
        ...

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records` together and return their offsets once they are durable.

        Not idempotent: after an error the caller may not know whether they were written, and repeats with the same ids.

        Raises:
            LogFullError: the disk is full; nothing was written.
            RecordTooLargeError: a record is larger than the log takes; nothing was written.
            DependencyError: the log cannot be reached.
        """
        ...

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        """Return committed records from `offset` on, in order, at least one if there is one; empty at the end. Never waits."""
        ...

    async def start_offset(self, topic: str, partition: int) -> int:
        """Offset of the oldest record kept (the end offset when none is)."""
        ...

    async def end_offset(self, topic: str, partition: int) -> int:
        """Offset the next committed record will get at the earliest; offsets before it need not all be records'."""
        ...

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something was appended or committed since the last call of `wait` by this task, or after the timeout."""
        ...

    async def positions(self, partition: int) -> dict[str, int]:
        """Committed next offsets of the worker, by input topic; absent means from the start. Survives a crash."""
        ...

    async def take_over(self, partition: int) -> None:
        """Become the committing owner of `partition`; call it before reading what was committed, and after a failed commit.

        What any owner before had under way, ourselves included, is visible afterwards or never will be, and another
        process that owned it can commit no more. Idempotent.

        Raises:
            DependencyError: the log cannot be reached.
        """
        ...

    async def release(self, partition: int) -> None:
        """Let go of what `take_over` opened; a commit under way is left to whoever takes over next. Idempotent, never raises."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Write outputs and positions in one transaction; returns once durable, which readers see then or a moment later.

        An error means that nothing of it is visible, or that it is not known yet: after `take_over` it is. A log that
        delivers at least once writes without a transaction, the journal's record first: see `complete`.

        Raises:
            LogFullError: the disk is full.
            OwnerReplacedError: another process took the partition over; trying again would be wrong.
            RecordTooLargeError: an output is larger than the log takes; trying again would be useless.
            DependencyError: the log cannot be reached.
        """
        ...

    def held_seconds(self, topic: str, partition: int) -> float:
        """For how long an unfinished transaction of somebody else has kept records of `topic` from being read; 0 when none does.

        Never blocks: it is what the last reads met. What is held is not lost, and is no lag as long as it cannot be read.
        """
        ...

    async def complete(self, partition: int, outputs: Sequence[Outgoing]) -> None:
        """Write `outputs`, all that the journal's last batch said, if its owner may have ended before they were written.

        Called after `take_over` and before the next commit. Nothing to do where a commit is written whole or not at all.

        Raises:
            OwnerReplacedError: another process took the partition over.
            DependencyError: the log cannot be reached; `take_over` has to be called first.
        """
        ...

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        """Forget records before `before_offset`. Idempotent; a reader below it starts at `start_offset`."""
        ...

    async def close(self) -> None:
        """Release files and sockets. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """Which partitions this process is to work. `generation` rises with every sharing out in which this process took part.

    Not `settled` while the group shares out anew, or before the first time: `partitions` are then those of the last time,
    some of which may be another's already. `trouble` says why the group cannot be asked, if it cannot.
    """

    generation: int = 0
    partitions: frozenset[int] = frozenset()
    settled: bool = False
    trouble: str = ""


class Membership(Protocol):
    """This process's place among those that share the partitions.

    Only advice on who should work what: two processes may believe in the same partition for a while, and only
    `Log.take_over` decides which of them can commit.
    """

    @property
    def share(self) -> Share:
        """What is ours by the latest word. Never blocks."""
        ...

    async def changed(self, since: Share) -> Share:
        """Return the share once it is another than `since`; changes in quick succession may be seen as one."""
        ...

    def rejoin(self) -> None:
        """Have our place confirmed: a share of a later generation follows. Returns at once; may be called repeatedly."""
        ...

    async def close(self) -> None:
        """Leave, so that others need not wait until we are missed; stop committing first. Idempotent."""
        ...


class Planner(Protocol):
    """Computes plans outside the worker's process, so that a long search never delays a score.

    May be slow; may fail and be called again with the same request, which gives the same plan. Holds no state.
    """

    async def plan(self, request: PlanRequest) -> Plan:
        """Return a plan for `request`, digest included.

        Raises:
            DependencyError: the planner process died or took longer than its limit.
        """
        ...

    async def close(self) -> None:
        """Stop the process. Idempotent."""
        ...


class Clock(Protocol):
    """The only way to the time of day; moved by hand in tests."""

    def now_ms(self) -> int:
        """Unix time in milliseconds; may step back."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        ...


class LiveState(Protocol):
    """What the workers of this process know right now, of the partitions it works. Changes nothing.

    Every call but `health` waits for the batch at hand, some milliseconds, because a state is looked at only between two
    batches.

    Raises:
        DependencyError: the partition asked about is still being restored, or worked by another process.
    """

    def health(self) -> Health:
        """Whether the worker lives and makes progress."""
        ...

    async def lag(self) -> Mapping[str, int]:
        """Records committed to each input topic and not yet taken in, over all partitions this worker owns."""
        ...

    async def balance(self) -> Balance:
        """Where every reading went, summed over partitions."""
        ...

    async def partitions(self, *, digest: bool) -> Sequence[PartitionView]:
        """The partitions this process works, by number; also those that it is restoring. A digest takes a pass over the state."""
        ...

    def bundles(self) -> Mapping[str, str]:
        """Name/version of each loaded bundle and its digest."""
        ...

    async def sites(self) -> Sequence[SiteView]:
        """Every site a reading or a topology was seen of, sorted by id."""
        ...

    async def topology(self, site: str) -> Topology | None:
        """The site's topology in force; None when none was set or the site is unknown."""
        ...

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        """The gateways of the site's topology, in its order; empty without one."""
        ...

    async def words(self, site: str) -> Sequence[Ack]:
        """The last ack about each device's present assignment, by device."""
        ...

    async def device_views(self, site: str | None) -> Sequence[DeviceView]:
        """The devices of `site`, or of every site, in any order; empty for an unknown site."""
        ...

    async def explain(self, site: str, device: str) -> Explanation | None:
        """Why this device alarms, or why not; None when it was never heard of."""
        ...


class Views(Protocol):
    """The read model: what the output topics said, for questions. Behind them by what `as_of` shows; bounded, so old facts go.

    Lists of facts come newest first, assignments by site and device. An argument left None does not filter.
    """

    def as_of(self) -> AsOf:
        """How far the read model has read."""
        ...

    async def anomalies(
        self,
        page: PageRequest,
        *,
        site: str | None = None,
        device: str | None = None,
        status: AnomalyStatus | None = None,
        severity: Severity | None = None,
        is_open: bool | None = None,
    ) -> Page[Anomaly]:
        """The latest version of each anomaly."""
        ...

    async def anomaly(self, anomaly_id: str) -> Anomaly | None:
        """The latest version of one anomaly."""
        ...

    async def incidents(
        self, page: PageRequest, *, site: str | None = None, status: IncidentStatus | None = None
    ) -> Page[Incident]:
        """The latest version of each incident."""
        ...

    async def incident(self, incident_id: str) -> Incident | None:
        """The latest version of one incident."""
        ...

    async def decisions(
        self, page: PageRequest, *, site: str | None = None, status: DecisionStatus | None = None
    ) -> Page[DecisionView]:
        """Each plan as its latest fact left it."""
        ...

    async def decision(self, plan_id: str) -> DecisionHistory | None:
        """One plan with all its facts."""
        ...

    async def assignments(self, page: PageRequest, *, site: str | None = None, gateway: str | None = None) -> Page[Assignment]:
        """Desired state, by site and device."""
        ...

    async def forecast(self, site: str, device: str) -> Forecast | None:
        """The latest forecast of one device."""
        ...

    async def dead_letters(self, page: PageRequest, wanted: LetterFilter = ALL_LETTERS) -> Page[KeptLetter]:
        """Input that could not be used; `original` is cut to what the read model keeps."""
        ...

    async def dead_letter(self, letter_id: str) -> KeptLetter | None:
        """One letter, cut as in the list; None when it is not kept here, which the log may still do."""
        ...

    async def command(self, command_id: str) -> CommandView | None:
        """One command and what became of it."""
        ...


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one committed batch of one partition did.

    `readings` counts this batch's readings by outcome; `neg_log10_p` float64 [scored] is their rarity, NaN where a device
    could not be judged. `late` readings came after a newer one of their device and count; `rerun` earlier ones were stepped
    again for them, and `anomalies_revised` amended or retracted. `seconds` is by stage: `decode`, `core`, `commit`.
    """

    readings: Balance = field(default_factory=Balance)
    dead_letters: Mapping[DeadLetterReason, int] = field(default_factory=dict)
    neg_log10_p: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    late: int = 0
    rerun: int = 0
    anomalies_opened: Mapping[Severity, int] = field(default_factory=dict)
    anomalies_revised: Mapping[AnomalyStatus, int] = field(default_factory=dict)
    decisions: Mapping[tuple[DecisionStatus, Trigger], int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Levels:
    """How one partition stands after a batch. `utilisation_max_ratio`: load over capacity, fullest gateway and resource.

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

    def bundles(self, identities: Iterable[str]) -> None:
        """Say which bundles serve (`name/version@digest`); replaces what was said before."""
        ...

    def log_bytes(self, used: int) -> None:
        """Set the bytes the embedded log uses."""
        ...

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` is a path template or `unmatched`, `method` one HTTP knows or `other`."""
        ...

    def render(self) -> bytes:
        """Everything counted, in the Prometheus text format."""
        ...
