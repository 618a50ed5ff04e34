"""`ports.Metrics` over prometheus-client, in a registry of its own.

What exists, and what it means, is in `catalogue`. Levels are kept by partition and summed when somebody asks.
"""

import math
import platform
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import product
from typing import Any, Final

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics, generate_latest

from tidegate import __version__
from tidegate.adapters import catalogue as c
from tidegate.adapters.catalogue import Instrument, Kind
from tidegate.adapters.histogram import BatchHistogram
from tidegate.contracts.anomaly import REVISIONS, DeviceState, Severity
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.plan import DecisionStatus, Phase, Trigger
from tidegate.contracts.views import Balance
from tidegate.errors import DependencyError, HistoryError
from tidegate.ports import Ages, BatchReport, HistoryLag, LettersWaiting, Levels

OUTCOMES: Final = tuple(field.name for field in fields(Balance) if field.name != "received")
"""Where a reading can end; together they are all that was received."""

AGES: Final = {
    c.TURN_AGE: "turn_seconds",
    c.COMMIT_AGE: "commit_seconds",
    c.TRANSACTION_AGE: "transaction_seconds",
    c.HELD: "held_seconds",
    c.PLAN_AGE: "plan_seconds",
}
"""Which field of `ports.Ages` each of these gauges shows."""


_HISTORY_ERRORS: Final[Sequence[type[DependencyError]]] = (DependencyError, HistoryError, *HistoryError.__subclasses__())
"""What a round of history may fail with."""


class PrometheusMetrics:
    """Counts in memory and shows it in the Prometheus text format."""

    def __init__(self) -> None:
        # A `_created` series beside each counter doubles the page, and nobody reads it.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has not typed it
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._counters = {each: self._counter(each) for each in c.INSTRUMENTS if each.kind is Kind.COUNTER}
        self._gauges = {each: self._gauge(each) for each in c.INSTRUMENTS if each.kind is Kind.GAUGE}
        self._histograms = {each: self._histogram(each) for each in c.INSTRUMENTS if each.kind is Kind.HISTOGRAM}
        self._levels: dict[int, Levels] = {}
        self._ages: Callable[[], Ages] = Ages
        self._letters: Callable[[], LettersWaiting] = LettersWaiting
        self._history: Callable[[], HistoryLag] = HistoryLag
        self._lock = threading.Lock()
        self._gauges[c.BUILD_INFO].labels(__version__, platform.python_version()).set(1)
        self._start_at_zero()

    def batch(self, report: BatchReport) -> None:
        """Count a committed batch."""
        self._add(c.READINGS, [(outcome, getattr(report.readings, outcome)) for outcome in OUTCOMES])
        self._add(c.DEADLETTERS, report.dead_letters.items())
        self._add(c.ANOMALIES, report.anomalies_opened.items())
        self._add(c.ANOMALIES_REVISED, report.anomalies_revised.items())
        self._counters[c.LATE].inc(report.late)
        self._counters[c.RERUN].inc(report.rerun)
        self._add(c.DECISIONS, report.decisions.items())
        self._add(c.MOVES, report.moves.items())
        self._add(c.ASSIGNMENTS, report.assignments.items())
        self._counters[c.GRANTS_RENEWED].inc(report.grants_renewed)
        self._counters[c.UNJUDGED].inc(int(np.isnan(report.neg_log10_p).sum()))
        self._histograms[c.SCORES].observe(report.neg_log10_p)
        self._histograms[c.BATCH_READINGS].observe(report.readings.received)
        for stage, seconds in report.seconds.items():
            self._histograms[c.BATCH_SECONDS].observe(seconds, stage)

    def levels(self, partition: int, levels: Levels) -> None:
        """Set how `partition` stands."""
        with self._lock:
            self._levels[partition] = levels

    def watch(self, ages: Callable[[], Ages]) -> None:
        """Ask `ages` whenever metrics are shown."""
        self._ages = ages

    def replayed(self, batches: int) -> None:
        """Count batches replayed at a start."""
        self._counters[c.REPLAYED].inc(batches)

    def owned(self, partitions: Collection[int]) -> None:
        """Set which partitions this process works."""
        with self._lock:
            self._levels = {index: levels for index, levels in self._levels.items() if index in partitions}
        self._gauges[c.PARTITIONS].set(len(partitions))

    def rebalanced(self) -> None:
        """Count a sharing out of the partitions."""
        self._counters[c.REBALANCES].inc()

    def taken_over(self) -> None:
        """Count a partition restored and put to work."""
        self._counters[c.TAKE_OVERS].inc()

    def fenced(self) -> None:
        """Count a partition whose commit was refused."""
        self._counters[c.FENCED].inc()

    def batch_failed(self) -> None:
        """Count a batch on which the core raised."""
        self._counters[c.BATCHES_FAILED].inc()

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Measure the block as one plan."""
        started = time.perf_counter()
        with self._counters[c.PLANS_FAILED].count_exceptions(Exception):
            yield
        self._histograms[c.PLAN_SECONDS].observe(time.perf_counter() - started)

    def bundles(self, identities: Mapping[str, float]) -> None:
        """Say which bundles serve, `name/version@digest` each, and when they were made."""
        self._gauges[c.BUNDLE_INFO].clear()
        self._gauges[c.BUNDLE_CREATED].clear()
        for identity, created in identities.items():
            named, _, digest = identity.partition("@")
            name, _, version = named.partition("/")
            self._gauges[c.BUNDLE_INFO].labels(name, version, digest).set(1)
            self._gauges[c.BUNDLE_CREATED].labels(name, version).set(created)

    def profiles(self, names: Iterable[str]) -> None:
        """Say which profiles there are, so that each one's first anomaly is seen as one: see `_start_at_zero`."""
        self._add(c.ANOMALIES, dict.fromkeys(product(Severity, names), 0).items())

    def log_bytes(self, used: int) -> None:
        """Set the bytes the embedded log uses."""
        self._gauges[c.LOG_BYTES].set(used)

    def letters_from(self, source: Callable[[], LettersWaiting]) -> None:
        """Ask `source` for the dead letters that wait whenever somebody asks us."""
        self._letters = source

    def gauge_from(self, gauge: Instrument, source: Callable[[], float]) -> None:
        """Ask `source` for the value of `gauge`, one without labels, whenever somebody asks us."""
        self._gauges[gauge].set_function(source)

    def history_from(self, source: Callable[[], HistoryLag]) -> None:
        """Ask `source` how far history is behind whenever somebody asks us."""
        self._history = source

    def history_written(self, records: int, seconds: float) -> None:
        """Count a transaction of history."""
        self._counters[c.HISTORY_RECORDS].inc(records)
        self._histograms[c.HISTORY_SECONDS].observe(seconds)

    def history_failed(self, code: str) -> None:
        """Count a round of history that failed."""
        self._counters[c.HISTORY_FAILURES].labels(code).inc()

    def history_pruned(self, rows: int) -> None:
        """Count rows that went for their age."""
        self._counters[c.HISTORY_PRUNED].inc(rows)

    def alerts_sent(self, sent: int, refused: int) -> None:
        """Count alerts that were handed over."""
        self._counters[c.ALERTS_SENT].inc(sent)
        self._counters[c.ALERTS_REFUSED].inc(refused)

    def alerts_failed(self) -> None:
        """Count an attempt to send alerts that failed."""
        self._counters[c.ALERTS_FAILED].inc()

    def alerts_dropped(self, count: int) -> None:
        """Count alerts that were not kept."""
        self._counters[c.ALERTS_DROPPED].inc(count)

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._counters[c.HTTP_REQUESTS].labels(route, method, str(status)).inc()
        self._histograms[c.HTTP_SECONDS].observe(seconds, route, method)

    def render(self) -> bytes:
        """Everything counted, in the Prometheus text format."""
        ages, behind = self._ages(), self._history()
        with self._lock:
            self._gauges[c.HISTORY_LAG].set(behind.records)
            self._gauges[c.HISTORY_BEHIND].set(behind.seconds)
            for instrument, name in AGES.items():
                self._gauges[instrument].set(getattr(ages, name))
            self._sum_up(list(self._levels.values()))
            self._count_letters(self._letters())
            return generate_latest(self._registry)

    def _start_at_zero(self) -> None:
        """A series that first appears with its first event hides that event from `rate`."""
        self._add(c.READINGS, dict.fromkeys(OUTCOMES, 0).items())
        self._add(c.DEADLETTERS, dict.fromkeys(DeadLetterReason, 0).items())
        self._add(c.DECISIONS, dict.fromkeys(product(DecisionStatus, Trigger), 0).items())
        self._add(c.HISTORY_FAILURES, dict.fromkeys((kind.code for kind in _HISTORY_ERRORS), 0).items())
        self._add(c.MOVES, dict.fromkeys(Trigger, 0).items())
        self._add(c.ASSIGNMENTS, dict.fromkeys(Phase, 0).items())
        self._add(c.ANOMALIES_REVISED, dict.fromkeys(REVISIONS, 0).items())

    def _count_letters(self, waiting: LettersWaiting) -> None:
        for reason in DeadLetterReason:
            self._gauges[c.LETTERS_WAITING].labels(reason).set(waiting.by_reason.get(reason, 0))
        oldest_ms = waiting.oldest_ms
        self._gauges[c.LETTERS_AGE].set(0 if oldest_ms is None else max(0.0, time.time() - oldest_ms / 1000))

    def _sum_up(self, levels: list[Levels]) -> None:
        devices = _summed(each.devices for each in levels)
        for state in DeviceState:
            self._gauges[c.DEVICES].labels(state).set(devices[state])
        total = devices.total()
        self._gauges[c.UNKNOWN].set(1 - devices[DeviceState.OK] / total if total else 0)
        for topic, lag in _summed(each.lag_records for each in levels).items():
            self._gauges[c.LAG].labels(topic).set(lag)
            self._gauges[c.DRAIN].labels(topic).set(_longest(each.drain_seconds.get(topic, math.nan) for each in levels))
        self._gauges[c.PENDING].set(sum(each.pending_messages for each in levels))
        self._gauges[c.TAIL].set(sum(each.tail_readings for each in levels))
        self._gauges[c.ANOMALIES_OPEN].set(sum(each.anomalies_open for each in levels))
        self._gauges[c.INCIDENTS_OPEN].set(sum(each.incidents_open for each in levels))
        self._gauges[c.UNSERVED].set(sum(each.unserved_devices for each in levels))
        self._gauges[c.SUSPECTS].set(sum(each.suspect_gateways for each in levels))
        self._gauges[c.CENSORED].set(sum(each.censored_devices for each in levels))
        self._gauges[c.SHORT].set(sum(each.short_devices for each in levels))
        self._gauges[c.UTILISATION].set(max((each.utilisation_max_ratio for each in levels), default=0))
        self._gauges[c.HEADROOM].set(_finite(min((each.headroom_ratio for each in levels), default=math.inf)))
        self._gauges[c.EVENT_TIME_LAG].set(max((each.event_time_lag_seconds for each in levels), default=0))

    def _add(self, instrument: Instrument, counts: Iterable[tuple[str | tuple[str, ...], int]]) -> None:
        for labels, count in counts:
            names = labels if isinstance(labels, tuple) else (labels,)
            self._counters[instrument].labels(*names).inc(count)

    def _counter(self, each: Instrument) -> Counter:
        return Counter(each.name, each.text, each.labels, registry=self._registry)

    def _gauge(self, each: Instrument) -> Gauge:
        return Gauge(each.name, each.text, each.labels, registry=self._registry)

    def _histogram(self, each: Instrument) -> BatchHistogram:
        histogram = BatchHistogram(each.name, each.text, each.labels, each.buckets)
        self._registry.register(histogram)
        return histogram


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _longest(seconds: Iterable[float]) -> float:
    """The largest of those that are known; NaN when none is."""
    return max((each for each in seconds if not math.isnan(each)), default=math.nan)


def _summed(mappings: Iterable[Mapping[Any, int]]) -> Tally[Any]:
    total: Tally[Any] = Tally()
    for mapping in mappings:
        total.update(mapping)
    return total
