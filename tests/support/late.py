"""Streams out of order, and what has to come out of them all the same."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from support.readings import MINUTE_MS, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus
from tidegate.contracts.reading import Reading
from tidegate.core.detection.amendment import AMEND_DECADES
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.results import DetectionResult

TICK = tick_of(10_000)


def shuffled(readings: Sequence[Reading], random_state: int, share: float, horizon_minutes: float) -> list[Reading]:
    """`share` of the readings later than they should be, by less than the horizon, and a tenth of all once more."""
    random = np.random.default_rng(random_state)
    delay = np.where(random.random(len(readings)) < share, random.uniform(0, horizon_minutes, len(readings)), 0.0) * MINUTE_MS
    due = [(each.event_time_ms + late, number) for number, (each, late) in enumerate(zip(readings, delay.tolist(), strict=True))]
    due += [
        (moment + random.uniform(0, horizon_minutes / 2) * MINUTE_MS, number) for moment, number in due if random.random() < 0.1
    ]
    return [readings[number] for _, number in sorted(due)]


def live(subject: Detection, readings: Sequence[Reading], cuts: Sequence[int] = ()) -> list[DetectionResult]:
    """`readings` through `subject` in batches cut at `cuts`."""
    edges = [0, *sorted(cuts), len(readings)]
    return [subject.observe(readings[start:end], TICK) for start, end in pairwise(edges)]


def final(results: Sequence[DetectionResult]) -> dict[str, Anomaly]:
    """The latest version of each anomaly that stands; versions rise by one."""
    latest: dict[str, Anomaly] = {}
    for fact in [fact for result in results for fact in result.anomalies]:
        assert fact.version == (latest[fact.id].version + 1 if fact.id in latest else 1), fact
        latest[fact.id] = fact
    return {name: fact for name, fact in latest.items() if fact.status is not AnomalyStatus.RETRACTED}


def matter(fact: Anomaly) -> tuple[object, ...]:
    """What a later fact may not leave different."""
    return (
        fact.device,
        fact.opened_at_ms,
        fact.closed_at_ms,
        fact.severity,
        fact.fault_kind,
        fact.gateway,
        sorted(fact.metrics),
        fact.bundle,
    )


def agree(ones: dict[str, Anomaly], others: dict[str, Anomaly]) -> None:
    """The same anomalies stand, alike in all that matters."""
    assert {name: matter(fact) for name, fact in ones.items()} == {name: matter(fact) for name, fact in others.items()}
    for name, fact in ones.items():
        assert abs(fact.neg_log10_p - others[name].neg_log10_p) < AMEND_DECADES


def standing(subject: Detection, *, pasts: bool) -> dict[str, Any]:
    """The state without what only says how we came to it: versions and links of facts. Arrays as bytes."""
    state = subject.export_state()
    path_of_facts = {"version": 0, "status": "", "supersedes": None}
    state["anomalies"] = sorted([slot, fact | path_of_facts] for slot, fact in state["anomalies"])
    del state["past"]
    kept = {name: value for name, value in state.items() if pasts or not name.startswith("past/")}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in kept.items()}
