"""The acceptance study: run the fleet through the service with two interruptions, then hold what it said against the truth."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, GatewayId
from tidegate.core.forecaster import Forecaster
from tidegate.fleet.series import Series
from tidegate_training.evaluate.acceptance.client import Door, Sent
from tidegate_training.evaluate.acceptance.fleet import DEMAND, MACHINES, Fleet, Site
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
from tidegate_training.evaluate.figures import SeriesOutcome, by_detector, outcome, vus_by_series
from tidegate_training.evaluate.scoring import row_of

STOP_AT: Final = 0.25
"""Share of the readings scored when the service is stopped politely, which leaves a snapshot."""

KILL_AT: Final = 0.5
"""Share of the readings scored when the service is killed with signal 9."""

REPEATED: Final = 500
"""Readings of each site that are sent twice on purpose, the last of its bulk: none may count twice."""

PACED_SHARE: Final = 0.05
"""Share of each site's readings, its last, that are kept back and sent at a steady rate to measure latency."""

PACED_LOAD: Final = 0.3
"""Rate of the steady part over the measured capacity (spec: performance, latency at 30 % load)."""

PACED_POST: Final = 100
"""Readings per request of the steady part."""

POLL_SECONDS: Final = 0.2
"""Between two looks at the summary: each look takes its turn with the core."""

SETTINGS: Final = {
    # Snapshots at clean stops only: a snapshot in between would trim the journal the rerun needs from its first batch on.
    "TIDEGATE_WORKER__SNAPSHOT_BATCHES": "1000000",
    # Small, so that the door's back-pressure is part of the run.
    "TIDEGATE_API__MAX_PENDING_RECORDS": "32",
    # The trace runs a thousand times faster than the clock the allocator counts by.
    "TIDEGATE_ALLOCATION__PERIOD_SECONDS": "10",
    "TIDEGATE_ALLOCATION__COOLDOWN_SECONDS": "5",
    "TIDEGATE_LOGGING__LEVEL": "warning",
}


@dataclass(slots=True)
class Observed:
    """What was seen from outside while it ran."""

    sent: dict[str, Sent] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    anomalies: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    bulk_readings: int = 0
    bulk_seconds: float = 0.0
    paced_from: int = 0
    starts_seconds: list[float] = field(default_factory=list)

    @property
    def capacity(self) -> float:
        """Readings per second while the service was up and had something to do."""
        return self.bulk_readings / self.bulk_seconds


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A finished run: what was seen, what the uninterrupted rerun says, and what the log holds."""

    fleet: Fleet
    observed: Observed
    again: Rerun
    recovered_digest: str
    doubled_ids: int
    same_ids: bool
    latencies_ms: NDArray[np.float64]
    outcomes: list[SeriesOutcome]
    judgements: dict[str, Judgement]


async def run_acceptance(
    fleet: Fleet,
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Acceptance:
    """Run `fleet` through a service with its log in `folder`, and judge it.

    Raises:
        DependencyError: the service did not start, stop or answer.
    """
    service = ServiceProcess(folder, SETTINGS)
    try:
        observed = await _live(fleet, service, progress)
    except BaseException:
        await service.kill_if_running()
        raise
    log = await EmbeddedLog.open(service.log_path)
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
    judgements = judge_machines(fleet.machines, observed.anomalies, again)
    outcomes = _outcomes(fleet.machines, judgements, configuration, progress)
    return Acceptance(fleet, observed, again, recovered, doubled, same_ids, np.array(latencies), outcomes, judgements)


async def _live(fleet: Fleet, service: ServiceProcess, progress: Callable[[str, int, int], None]) -> Observed:
    """Everything that happens while the service runs."""
    observed = Observed(sent={site.id: Sent() for site in fleet.sites})
    await service.start()
    async with Door.open(service.url) as door:
        await door.command(
            Command(
                CommandId("topology"), fleet.scenario.topology.site, CommandKind.SET_TOPOLOGY, topology=fleet.scenario.topology
            )
        )
        senders = [asyncio.create_task(_send_bulk(service.url, site, observed.sent[site.id])) for site in fleet.sites]
        await _interrupt(door, service, fleet, observed, progress)
        async with _measured(door, observed):
            await _until_idle(door, senders, fleet, progress)
        await _send_paced(door, service.url, fleet, observed, progress)
        await _look(door, observed)
    await service.stop()
    observed.starts_seconds = service.starts_seconds
    return observed


async def _interrupt(
    door: Door, service: ServiceProcess, fleet: Fleet, observed: Observed, progress: Callable[[str, int, int], None]
) -> None:
    """A polite stop, a `kill -9`, and a drained gateway, each at its share of the readings, while the senders go on."""
    async with _measured(door, observed):
        await _until_scored(door, round(STOP_AT * fleet.readings), fleet, progress)
    await service.stop()
    await service.start()
    async with _measured(door, observed):
        await _until_scored(door, round(KILL_AT * fleet.readings), fleet, progress)
    await service.kill()
    await service.start()
    await door.command(Command(CommandId("drain"), fleet.scenario.topology.site, CommandKind.DRAIN, gateway=_busiest(fleet)))


@asynccontextmanager
async def _measured(door: Door, observed: Observed) -> AsyncIterator[None]:
    """Count what is scored within the block, and the time it takes, as bulk."""
    before, began = await _scored(door), time.perf_counter()
    yield
    observed.bulk_readings += await _scored(door) - before
    observed.bulk_seconds += time.perf_counter() - began


async def _send_bulk(url: str, site: Site, sent: Sent) -> None:
    async with Door.open(url) as door:
        await door.send(site.bodies(0, _kept_back(site)), sent)
        # As a producer does that missed the answer to its last request.
        await door.send_again(site.bodies(_kept_back(site) - REPEATED, _kept_back(site)), sent)


async def _send_paced(door: Door, url: str, fleet: Fleet, observed: Observed, progress: Callable[[str, int, int], None]) -> None:
    """The readings kept back, at `PACED_LOAD` of the capacity, all sites ending together."""
    observed.paced_from = max(sent.next_offset for sent in observed.sent.values())
    left = sum(len(site) - _kept_back(site) for site in fleet.sites)

    async def send(site: Site) -> None:
        rate = PACED_LOAD * observed.capacity * (len(site) - _kept_back(site)) / left
        async with Door.open(url) as own:
            await own.send(site.bodies(_kept_back(site), len(site), PACED_POST), observed.sent[site.id], rate)

    await _until_idle(door, [asyncio.create_task(send(site)) for site in fleet.sites], fleet, progress)


async def _look(door: Door, observed: Observed) -> None:
    """What REST says at the end."""
    observed.summary = await door.get("/v1/summary")
    observed.anomalies = [item for site in MACHINES for item in await door.everything("/v1/anomalies", site=site)]
    observed.decisions = await door.everything("/v1/decisions", site=DEMAND)


async def _until_scored(door: Door, target: int, fleet: Fleet, progress: Callable[[str, int, int], None]) -> None:
    while (scored := await _scored(door)) < target:
        progress("readings scored", scored, fleet.readings)
        await asyncio.sleep(POLL_SECONDS)


async def _until_idle(
    door: Door, senders: Sequence["asyncio.Task[None]"], fleet: Fleet, progress: Callable[[str, int, int], None]
) -> None:
    """Until all senders are done and nothing waits; a sender's error is raised here."""
    while not all(sender.done() for sender in senders) or (await door.get("/v1/summary"))["pending"] > 0:
        for sender in senders:
            if sender.done():
                sender.result()
        progress("readings scored", await _scored(door), fleet.readings)
        await asyncio.sleep(POLL_SECONDS)
    await asyncio.gather(*senders)
    progress("readings scored", await _scored(door), fleet.readings)


async def _scored(door: Door) -> int:
    return int((await door.get("/v1/summary"))["balance"]["scored"])


def _kept_back(site: Site) -> int:
    """Where in its order the steady part of `site` begins."""
    return len(site) - int(PACED_SHARE * len(site))


def _busiest(fleet: Fleet) -> GatewayId:
    """The gateway most devices start at."""
    names = [device.gateway for device in fleet.scenario.topology.devices if device.gateway is not None]
    return max(sorted(set(names)), key=names.count)


def judge_machines(machines: Sequence[Series], anomalies: Sequence[dict[str, Any]], again: Rerun) -> dict[str, Judgement]:
    """What the service said of each machine's test part: alarms from REST, surprise from the rerun; by device."""
    judgements: dict[str, Judgement] = {}
    for series in machines:
        test = series.part("test")
        found = again.surprise[series.device]
        surprise = np.array([found.get(int(at), np.nan) for at in test.event_time_ms])
        opened = [
            each["opened_at_ms"] for each in anomalies if each["device"] == series.device and each["fault_kind"] != "silence"
        ]
        judgements[series.device] = Judgement(surprise, sorted(row_of(test, at) for at in opened))
    return judgements


def _outcomes(
    machines: Sequence[Series],
    judgements: dict[str, Judgement],
    configuration: CoreConfiguration,
    progress: Callable[[str, int, int], None],
) -> list[SeriesOutcome]:
    made = []
    for index, series in enumerate(machines):
        labels = series.part("test").labels
        assert labels is not None, "SMD and ASD are labelled"  # noqa: S101  # for the type checker; the reader always sets them
        judgement = judgements[series.device]
        made.append(outcome(series.dataset, series.device, TIDEGATE, judgement, labels, interval_seconds=series.interval_seconds))
        made += [judge_by_baseline(series, name, configuration) for name in (*BASELINES, ALWAYS_ALARM)]
        progress("baselines", index + 1, len(machines))
    return made


def acceptance_figures(run: Acceptance) -> dict[str, Any]:
    """The figures of `run` under the names the results file promises."""
    observed, balance = run.observed, run.observed.summary["balance"]
    sent = list(observed.sent.values())
    latencies = run.latencies_ms
    return {
        "readings_in": sum(each.readings for each in sent),
        "received": balance["received"],
        "scored": balance["scored"],
        "duplicate": balance["duplicate"],
        "quarantined": balance["quarantined"],
        "dead_lettered": balance["dead_lettered"],
        "pending": observed.summary["pending"],
        "doubled_ids": run.doubled_ids,
        "plans": run.again.plans,
        "plans_over_capacity": run.again.over_capacity,
        "plans_out_of_reach": run.again.out_of_reach,
        "latency_ms_p50": float(np.quantile(latencies, 0.5)),
        "latency_ms_p99": float(np.quantile(latencies, 0.99)),
        "readings_per_second": observed.capacity,
        "restart_same_digest": run.again.digest == run.recovered_digest,
        "restart_same_ids": run.same_ids,
        "repeated_posts": sum(each.repeats for each in sent),
        "posts_refused_full": sum(each.full for each in sent),
        "batches": run.again.batches,
        "anomalies": len(observed.anomalies),
        "decisions": len(observed.decisions),
        "start_seconds": list(observed.starts_seconds),
        "detectors": by_detector(run.outcomes),
        "vus_pr_by_machine": vus_by_series(run.outcomes),
        "service": to_builtins({"version": observed.summary["version"], **observed.summary["bundles"]}),
    }


def broken_promises(figures: dict[str, Any]) -> list[str]:
    """Which guarantees `figures` contradict, in words; empty when all held. Quality and speed are figures, not promises."""
    accounted = sum(figures[name] for name in ("scored", "duplicate", "quarantined", "dead_lettered"))
    held = {
        "every reading is accounted for": figures["received"] == accounted and figures["pending"] == 0,
        "no reading is lost": figures["received"] - figures["duplicate"] == figures["readings_in"],
        "no effect is doubled": figures["doubled_ids"] == 0,
        "a restart changes nothing": figures["restart_same_digest"] and figures["restart_same_ids"],
        "no plan overfills a gateway": figures["plans_over_capacity"] == 0,
        "no plan leaves a device's reach": figures["plans_out_of_reach"] == 0,
    }
    return [promise for promise, kept in held.items() if not kept]
