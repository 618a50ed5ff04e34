"""Preview: the readings that the log still keeps, once under the profiles in force and once under proposed ones.

Reads the log as a replay does and steps two detections aside; commits nothing, and touches neither the worker nor its state.
Detection alone is run: who serves whom stays as it was at the start, and what was commanded meanwhile is left out.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.configuration_views import ProfilesDiff
from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.ids import AnomalyId, CommandId, DeviceId, SiteId
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.preview import MOST_LISTED, PreviewAnomaly, ProfilesPreview
from tidegate.contracts.profile import Profile
from tidegate.contracts.profile_diff import profiles_diff
from tidegate.contracts.reading import Reading
from tidegate.core.classifier import Model
from tidegate.core.own_profiles import SiteProfiles
from tidegate.core.partition import Partition
from tidegate.errors import StateLostError
from tidegate.pipeline.portion import Portion, decode_portion
from tidegate.pipeline.replay import Restorer
from tidegate.ports import Log

MOST_READINGS: Final = 500_000
"""Of the site in one preview: about a minute of a core."""

MOST_SECONDS: Final = 60.0
"""Of one preview, however few readings it came by."""


@dataclass(slots=True)
class Run:
    """One of the two runs: the anomalies it told, each as it last stood, by id."""

    site: SiteId
    partition: Partition
    anomalies: dict[AnomalyId, Anomaly] = field(default_factory=dict)

    def step(self, record: JournalRecord, readings: Sequence[Reading]) -> None:
        """Take the site's readings of one batch."""
        detection = self.partition.detection
        result = detection.observe(readings, record.tick_ms)
        for fact in (*result.anomalies, *detection.tick(record.tick_ms).anomalies):
            if fact.site == self.site:
                self.anomalies[fact.id] = fact

    def told(self) -> list[Anomaly]:
        """Anomalies that stand: those taken back are left out."""
        return [fact for fact in self.anomalies.values() if fact.status is not AnomalyStatus.RETRACTED]


@dataclass(slots=True)
class Covered:
    """How far a preview came."""

    from_ms: int | None = None
    to_ms: int = 0
    readings: int = 0
    devices: set[DeviceId] = field(default_factory=set)
    complete: bool = True


async def preview_profiles(
    log: Log,
    index: int,
    forecasters: Mapping[str, Model],
    in_force: CoreConfiguration,
    site: SiteId,
    proposed: Sequence[Profile],
    executor: Executor,
) -> ProfilesPreview:
    """Run the kept readings of `site` twice. `in_force` is the partition's configuration with what sites have of their own.

    Raises:
        StateLostError: the log was trimmed meanwhile; asked again, it starts later.
        BundleError: a bundle that served then is not installed.
    """
    restorer = Restorer(log, index, forecasters, replace(in_force, site_profiles={}), executor=executor)
    start, sequence, reach = await _start(restorer)
    own = list(in_force.site_profiles.get(site, {}).values())
    before, after = Run(site, start), Run(site, _copy(start, forecasters))
    for run, profiles in ((before, own), (after, list(proposed))):
        _put_in_force(run.partition, forecasters, in_force, site, profiles)
    covered = await _run(restorer, sequence, site, (before, after))
    diff = profiles_diff(in_force.profiles_of(site), after.partition.configuration.profiles_of(site))
    return _report(site, covered, reach, before, after, diff)


async def _start(restorer: Restorer) -> tuple[Partition, int, str]:
    """The partition at the oldest place from which the log still has everything, and the journal's sequence there."""
    first = await _first_journaled(restorer)
    if first in (0, None):
        return Partition(restorer.configuration, restorer.forecasters), 0, "from the first reading: the log has kept all of them"
    for snapshot in reversed(await restorer.snapshots()):
        if snapshot.journal_sequence + 1 >= first:
            partition = Partition.restore(snapshot.state, restorer.forecasters)
            return partition, snapshot.journal_sequence + 1, "from the older snapshot on: what was before is trimmed from the log"
    raise StateLostError("no snapshot is old enough for what the log keeps", advice="try again after the next snapshot")


async def _first_journaled(restorer: Restorer) -> int | None:
    async for record in restorer.records(topics.JOURNAL):
        return decode(record.value or b"", JournalRecord).sequence
    return None


def _copy(partition: Partition, forecasters: Mapping[str, Model]) -> Partition:
    return Partition.restore(partition.export_state(), forecasters)


def _put_in_force(
    partition: Partition,
    forecasters: Mapping[str, Model],
    in_force: CoreConfiguration,
    site: SiteId,
    profiles: list[Profile],
) -> None:
    others = {name: list(of.values()) for name, of in in_force.site_profiles.items() if name != site}
    own = others | ({site: profiles} if profiles else {})
    partition.offer({name: forecaster.identity for name, forecaster in forecasters.items()})
    partition.own = {name: SiteProfiles(name, 0, CommandId("preview"), "preview", of) for name, of in own.items()}
    partition.configure(replace(in_force, site_profiles={}))


async def _run(restorer: Restorer, sequence: int, site: SiteId, runs: Sequence[Run]) -> Covered:
    covered, stop = Covered(), threading.Event()
    loop = asyncio.get_running_loop()
    until = loop.time() + MOST_SECONDS
    try:
        async for record in restorer.journal(sequence):
            portion = await restorer.portion(record)
            readings = partial(_readings, portion, restorer.log.partitions, site)
            await loop.run_in_executor(restorer.executor, _step, record, readings, runs, covered, stop)
            if covered.readings >= MOST_READINGS or loop.time() > until:
                covered.complete = False
                break
    finally:
        stop.set()  # a step that is under way when we are cancelled ends before its second half
    return covered


def _readings(portion: Portion, partitions: int, site: SiteId) -> list[Reading]:
    return [each for each in decode_portion(portion, partitions).telemetry.readings if each.site == site]


def _step(
    record: JournalRecord,
    decoded: Callable[[], list[Reading]],
    runs: Sequence[Run],
    covered: Covered,
    stop: threading.Event,
) -> None:
    readings = decoded()
    for run in runs:
        if stop.is_set():
            return
        run.step(record, readings)
    covered.from_ms = record.tick_ms if covered.from_ms is None else covered.from_ms
    covered.to_ms = record.tick_ms
    covered.readings += len(readings)
    covered.devices.update(each.device for each in readings)


def _report(site: SiteId, covered: Covered, reach: str, before: Run, after: Run, diff: ProfilesDiff) -> ProfilesPreview:
    old, new = before.told(), after.told()
    vanish, appear = _without(old, new, covered.to_ms), _without(new, old, covered.to_ms)
    from_ms = covered.to_ms if covered.from_ms is None else covered.from_ms
    days = len(covered.devices) * (covered.to_ms - from_ms) / DAY_MS
    notes = [f"devices of profile {name!r} start to learn anew in the second run" for name in diff.restarts]
    if not covered.complete:
        notes.append(f"ended early: at most {MOST_READINGS} readings or {MOST_SECONDS:.0f} s in one preview")
    return ProfilesPreview(
        site=site,
        from_ms=from_ms,
        to_ms=covered.to_ms,
        complete=covered.complete,
        reach=reach,
        readings=covered.readings,
        device_days=days,
        before=len(old),
        after=len(new),
        vanishing=len(vanish),
        appearing=len(appear),
        before_per_device_day=len(old) / days if days else 0.0,
        after_per_device_day=len(new) / days if days else 0.0,
        diff=diff,
        vanish=[_in_short(fact) for fact in vanish[:MOST_LISTED]],
        appear=[_in_short(fact) for fact in appear[:MOST_LISTED]],
        notes=notes,
    )


def _without(facts: Sequence[Anomaly], others: Sequence[Anomaly], end_ms: int) -> list[Anomaly]:
    """Those of `facts` that overlap none of `others` at their device."""
    spans: dict[DeviceId, list[tuple[int, int]]] = {}
    for other in others:
        spans.setdefault(other.device, []).append(_span(other, end_ms))
    return [
        fact
        for fact in facts
        if not any(
            start <= _span(fact, end_ms)[1] and _span(fact, end_ms)[0] <= stop for start, stop in spans.get(fact.device, ())
        )
    ]


def _span(fact: Anomaly, end_ms: int) -> tuple[int, int]:
    return fact.opened_at_ms, max(end_ms if fact.closed_at_ms is None else fact.closed_at_ms, fact.opened_at_ms)


def _in_short(fact: Anomaly) -> PreviewAnomaly:
    texts = [reason.text for reason in fact.reasons[:5]]
    return PreviewAnomaly(fact.id, fact.device, fact.profile, fact.opened_at_ms, fact.closed_at_ms, fact.severity.value, texts)
