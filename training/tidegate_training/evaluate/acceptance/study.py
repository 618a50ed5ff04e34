"""The acceptance study: run the fleet, run it again from the journal, and hold the two and the labels against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.forecaster import Forecaster
from tidegate.fleet.series import Series
from tidegate_training.evaluate.acceptance.fleet import Fleet
from tidegate_training.evaluate.acceptance.live import SETTINGS, LiveRun, Observed, Progress
from tidegate_training.evaluate.acceptance.process import ServiceProcess
from tidegate_training.evaluate.acceptance.rerun import (
    Rerun,
    commit_latencies_ms,
    digest_after_recovery,
    published,
    rerun,
)
from tidegate_training.evaluate.baselines import ALWAYS_ALARM, BASELINES, Judgement
from tidegate_training.evaluate.detection import TIDEGATE, judge_by_baseline
from tidegate_training.evaluate.figures import SeriesOutcome, outcome
from tidegate_training.evaluate.scoring import row_of


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the log of a finished run proves: the uninterrupted rerun, and how the interrupted run compares with it.

    `latencies_ms` float64 [request] are of the steady part.
    """

    again: Rerun
    recovered_digest: str
    doubled_ids: int
    same_ids: bool
    latencies_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A finished run: what was seen, what the log proves, and how good the judgements of the machines were."""

    fleet: Fleet
    observed: Observed
    evidence: Evidence
    judgements: dict[str, Judgement]
    outcomes: list[SeriesOutcome]


async def run_acceptance(
    fleet: Fleet,
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Progress = lambda *_: None,
) -> Acceptance:
    """Run `fleet` through a service with its log in `folder`, and judge it.

    Raises:
        DependencyError: the service did not start, stop or answer.
    """
    service = ServiceProcess(folder, SETTINGS)
    try:
        observed = await LiveRun(fleet, service, progress).run()
    finally:
        await service.kill_if_running()
    evidence = await _evidence(fleet, service.log_path, observed, configuration, forecaster, progress)
    judgements = judge_machines(fleet.machines, observed.anomalies, evidence.again)
    outcomes = _outcomes(fleet.machines, judgements, configuration, progress)
    return Acceptance(fleet, observed, evidence, judgements, outcomes)


async def _evidence(
    fleet: Fleet,
    path: Path,
    observed: Observed,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Progress,
) -> Evidence:
    log = await EmbeddedLog.open(path)
    try:
        watched = frozenset(series.device for series in fleet.machines)
        again = await rerun(log, {"universal": forecaster}, watched, partial(progress, "batches of the rerun"))
        recovered = await digest_after_recovery(log, {"universal": forecaster}, configuration)
        anomalies, decisions = await published(log)
        latencies = await commit_latencies_ms(log, observed.paced_from)
    finally:
        await log.close()
    doubled = sum(count - 1 for facts in (anomalies, decisions) for count in facts.values())
    same_ids = set(anomalies) == set(again.anomalies) and set(decisions) == set(again.decisions)
    return Evidence(again, recovered, doubled, same_ids, np.array(latencies))


def judge_machines(machines: Sequence[Series], anomalies: Sequence[dict[str, Any]], again: Rerun) -> dict[str, Judgement]:
    """What the service said of each machine's test part: alarms from REST, surprise from the rerun; by device."""
    judgements: dict[str, Judgement] = {}
    for series in machines:
        test = series.part("test")
        found = again.surprise[series.device]
        surprise = np.array([found.get(int(at), np.nan) for at in test.event_time_ms])
        own = [each for each in anomalies if each["device"] == series.device and each["fault_kind"] != "silence"]
        judgements[series.device] = Judgement(surprise, sorted(row_of(test, each["opened_at_ms"]) for each in own))
    return judgements


def _outcomes(
    machines: Sequence[Series], judgements: dict[str, Judgement], configuration: CoreConfiguration, progress: Progress
) -> list[SeriesOutcome]:
    made = []
    for index, series in enumerate(machines):
        labels = series.part("test").labels
        assert labels is not None, "SMD and ASD are labelled"  # noqa: S101  # for the type checker; the reader always sets them
        ours = judgements[series.device]
        made.append(outcome(series.dataset, series.device, TIDEGATE, ours, labels, interval_seconds=series.interval_seconds))
        made += [judge_by_baseline(series, name, configuration) for name in (*BASELINES, ALWAYS_ALARM)]
        progress("baselines", index + 1, len(machines))
    return made
