"""Late and repeated readings on recorded data: `python benchmarks/late.py --data FOLDER [--out FILE]`.

Each series is a device of a site of its own. Its readings go through the whole core twice: in order, and shuffled within the
profile's lateness horizon with a tenth of them repeated. What stands in the end has to be the same; what that costs is
measured beside it. Exits with 1 if anything differs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from tidegate.contracts.anomaly import REVISIONS, Anomaly, AnomalyStatus
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import AnomalyId, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.reading import Reading
from tidegate.core.detection.amendment import AMEND_DECADES
from tidegate.core.detection.checkpoints import LIVE
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Batch, Partition
from tidegate.fleet.readers.catalogue import open_dataset
from tidegate.fleet.series import Series
from tidegate_training.evaluate import results
from tidegate_training.evaluate.scoring import reading_of, service_configuration, universal_forecaster

HORIZON_INTERVALS = 30
"""Half an hour of a device that speaks once a minute."""

LATE_RATIOS = (0.01, 0.1, 1.0)
"""Shares of readings that are late, by anything up to the horizon; 1 is no order at all within it."""

REPEAT_RATIO = 0.1
ROUNDS_PER_BATCH = 8
"""Readings of each device in a batch, on average: what a worker sees that is a little behind."""

NOTES = (
    f"Horizon: {HORIZON_INTERVALS} intervals. Late readings are late by a uniform time up to it, and a tenth of all come again "
    f"within it. Batches in order of arrival, {ROUNDS_PER_BATCH} readings of a device on average; shipped bundle; one thread.",
    "differing: anomalies that stand in one run and not in the other, or differ in opening, end, severity, kind, gateway or "
    f"metrics, or by {AMEND_DECADES} decades of rarity. state_equal: every array of detection, bit for bit, but for what "
    "serves revision alone, and what ticks say of who is silent.",
    "rerun_per_late: earlier readings stepped again for each late one. cpu_ratio: CPU time over that of the ordered run.",
    "bytes_per_device: state with what the horizon keeps; bytes_without_horizon: the same devices under profiles without one.",
)


@dataclass
class Run:
    """What one pass came to: the core, counts, the latest version of each anomaly, and CPU seconds."""

    partition: Partition
    counts: Counter[str] = field(default_factory=Counter)
    latest: dict[AnomalyId, Anomaly] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def standing(self) -> dict[AnomalyId, Anomaly]:
        """Anomalies that were not retracted."""
        return {name: fact for name, fact in self.latest.items() if fact.status is not AnomalyStatus.RETRACTED}


def main(
    data: Annotated[Path, typer.Option(help="Folder of one data set, or a file.")],
    rows: Annotated[int, typer.Option(help="Rows of each series at most, its last ones.")] = 6000,
    out: Annotated[Path | None, typer.Option(help="Results file to write, with earlier data sets in it.")] = None,
) -> None:
    """Shuffle recorded series within a horizon and compare with their order."""
    taken = [one.rows(len(one) - rows, len(one)) for one in open_dataset(data)]
    figures = compare(taken)
    Console().print(results.page(results.collect("Late readings", "", figures, ()), {}))
    if out is not None:
        earlier = results.read(out).figures if out.exists() else {}
        command = "python benchmarks/late.py --data <folder>" + f" --rows {rows} --out docs/results/{out.name}"
        results.write(results.collect("Late readings", command, earlier | figures, NOTES), out)
    if any(figure["differing"] or not figure["state_equal"] for group in figures.values() for figure in group.values()):
        raise typer.Exit(1)


def compare(taken: Sequence[Series]) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures by data set and share of late readings."""
    plain, forecaster = service_configuration(), universal_forecaster()
    late = replace(plain, profiles={name: _with_horizon(profile) for name, profile in plain.profiles.items()})
    ordered = run(_arrivals(taken, 0.0, 0.0), late, forecaster)
    without = run(_arrivals(taken, 0.0, 0.0), plain, forecaster)
    shuffled = {ratio: run(_arrivals(taken, ratio, REPEAT_RATIO), late, forecaster) for ratio in LATE_RATIOS}
    sizes = {"bytes_per_device": _bytes(ordered) / len(taken), "bytes_without_horizon": _bytes(without) / len(taken)}
    return {taken[0].dataset: {f"{ratio:.0%} late": _figures(one, ordered) | sizes for ratio, one in shuffled.items()}}


def run(arrivals: Sequence[Reading], configuration: CoreConfiguration, forecaster: Forecaster) -> Run:
    """Step `arrivals` through a fresh core, batch by batch, at a tick at which all event times are believed."""
    batch = ROUNDS_PER_BATCH * len({reading.site for reading in arrivals})
    done = Run(Partition(configuration, {"universal": forecaster}))
    tick_ms = max(reading.event_time_ms for reading in arrivals)
    began = process_time()
    for start in range(0, len(arrivals), batch):
        facts = done.partition.step(Batch(tick_ms, arrivals[start : start + batch]))
        done.latest |= {fact.id: fact for fact in facts.anomalies}
        done.counts.update(fact.status.value for fact in facts.anomalies)
        done.counts.update(late=facts.detection.late, rerun=facts.detection.rerun)
    done.seconds = process_time() - began
    return done


def _figures(one: Run, ordered: Run) -> dict[str, Any]:
    balance, counts = one.partition.balance, one.counts
    return {
        "readings": ordered.partition.balance.scored,
        "sent": balance.received,
        "scored": balance.scored,
        "late": counts["late"],
        "duplicate": balance.duplicate,
        "anomalies": len(ordered.standing),
        **{status.value: counts[status.value] for status in REVISIONS},
        "differing": _differing(one.standing, ordered.standing),
        "state_equal": _state(one) == _state(ordered),
        "rerun_per_late": counts["rerun"] / max(counts["late"], 1),
        "cpu_ratio": one.seconds / ordered.seconds,
    }


def _differing(ones: dict[AnomalyId, Anomaly], others: dict[AnomalyId, Anomaly]) -> int:
    alike = [name for name in ones.keys() & others.keys() if _alike(ones[name], others[name])]
    return len(ones.keys() | others.keys()) - len(alike)


def _alike(one: Anomaly, other: Anomaly) -> bool:
    names = ("opened_at_ms", "closed_at_ms", "severity", "fault_kind", "gateway")
    same = all(getattr(one, name) == getattr(other, name) for name in names) and sorted(one.metrics) == sorted(other.metrics)
    return same and abs(one.neg_log10_p - other.neg_log10_p) < AMEND_DECADES


def _arrays(one: Run) -> dict[str, bytes]:
    state = one.partition.detection.export_state()
    return {name: value.tobytes() for name, value in state.items() if isinstance(value, np.ndarray)}


def _state(one: Run) -> dict[str, bytes]:
    left_out = ("past/", "site/", *(f"device/{name}" for name in LIVE))
    return {name: value for name, value in _arrays(one).items() if not name.startswith(left_out)}


def _bytes(one: Run) -> int:
    return sum(map(len, _arrays(one).values()))


def _with_horizon(profile: Profile) -> Profile:
    return replace(profile, lateness_seconds=HORIZON_INTERVALS * profile.interval_seconds)


def _arrivals(taken: Sequence[Series], late_ratio: float, repeat_ratio: float) -> list[Reading]:
    """Readings of all series in the order in which they arrive, each series counted from its own beginning."""
    random = np.random.default_rng(7)
    due: list[tuple[float, int, Reading]] = []
    for one in taken:
        horizon_ms = 1000.0 * HORIZON_INTERVALS * service_configuration().profiles[one.profile].interval_seconds
        since_ms = one.event_time_ms - one.event_time_ms[0]
        late, again = ((random.random(len(one)) < ratio) for ratio in (late_ratio, repeat_ratio))
        late[0] = False  # so that devices are met, and numbered, in the same order
        moment = since_ms + np.where(late, random.uniform(0, horizon_ms, len(one)), 0.0)
        for row in range(len(one)):
            reading = reading_of(one, row, SiteId(one.device))
            due.append((float(moment[row]), len(due), reading))
            if again[row]:
                due.append((float(since_ms[row] + random.uniform(0, horizon_ms)), len(due), reading))
    return [reading for _, _, reading in sorted(due, key=lambda each: each[:2])]


if __name__ == "__main__":
    typer.run(main)
