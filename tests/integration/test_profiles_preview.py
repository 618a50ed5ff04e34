"""A preview of other profiles: the kept readings twice, aside; what it says is what two real runs would have said."""

import asyncio
from dataclasses import replace

import pytest

import worker_rig as rigs
from tidegate.adapters.membership import SoleMember
from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import MetricName
from tidegate.contracts.profile import AlarmPolicy, Metric, Profile
from tidegate.errors import CommandRefused, DependencyError, InputError
from tidegate.pipeline import preview as previews
from tidegate.pipeline.configuring import ConfigurationDesk
from tidegate.pipeline.workers import Workers
from worker_rig import DEVICES, PROFILE, SITE, Rig, readings

SECONDS = 160
LOOSE = replace(PROFILE, alarm=AlarmPolicy(alerts_per_device_day=100.0, close_after=3))
DEAF = replace(PROFILE, metrics={MetricName("load"): Metric(unit="1", low=-1e6, high=1e6, minimum_deviation=1e5)})


async def run(profile: Profile, **limits: float) -> tuple[Rig, Workers]:
    """A plant in which three devices spike once each, by how much differing, with the worker that watched it."""
    rig = rigs.with_limits(Rig(MemoryLog(), ManualClock(), rigs.universal()), **limits)
    rig.configuration = CoreConfiguration(profiles={"probe": profile})
    rig.start()
    start_ms = rig.clock.now_ms()
    for second in range(SECONDS):
        rig.clock.advance(1000)
        await rig.send(readings(second, start_ms=start_ms, spike={90: DEVICES[0], 110: DEVICES[4], 130: DEVICES[7]}.get(second)))
        if second % 10 == 9:
            await rig.drained()
    await rig.drained()
    assert rig.worker is not None
    workers = Workers(rig.log, SoleMember(range(1)), NullMetrics(), lambda index, may_take_over: rig.worker)  # type: ignore[arg-type,return-value]
    workers._working[0] = rig.worker  # the rig drives it by hand
    return rig, workers


def desk(rig: Rig, workers: Workers) -> ConfigurationDesk:
    return ConfigurationDesk(rig.log, workers, rig.configuration, rig.forecasters)


async def told(rig: Rig) -> set[str]:
    found: dict[str, Anomaly] = {}
    for record in await rig.facts(topics.ANOMALIES):
        fact = decode(record.value or b"", Anomaly)
        found[fact.id] = fact
    return {f"{fact.device}@{fact.opened_at_ms}" for fact in found.values() if fact.status is not AnomalyStatus.RETRACTED}


async def test_with_unchanged_profiles_nothing_appears_or_vanishes_and_nothing_is_touched() -> None:
    rig, workers = await run(PROFILE)
    digest, ends = await rig.digest(), await rig.log.end_offset(topics.JOURNAL, 0)
    found = await desk(rig, workers).preview(SITE, [])
    assert (found.before, found.after, found.vanish, found.appear) == (found.before, found.before, [], [])
    assert found.before == len(await told(rig)) > 0
    assert found.readings == SECONDS * len(DEVICES)
    assert (found.complete, found.diff.changes) == (True, [])
    assert "all of them" in found.reach
    assert (await rig.digest(), await rig.log.end_offset(topics.JOURNAL, 0)) == (digest, ends)
    await rig.finish()


async def test_what_would_vanish_and_appear_is_what_two_real_runs_differ_in() -> None:
    loud, workers = await run(PROFILE)
    deaf, deaf_workers = await run(DEAF)
    said, quiet = await told(loud), await told(deaf)
    assert said - quiet
    found = await desk(loud, workers).preview(SITE, [DEAF])
    assert {f"{each.device}@{each.opened_at_ms}" for each in found.vanish} == said - quiet
    assert (found.before, found.after, found.appearing) == (len(said), len(quiet), 0)
    back = await desk(deaf, deaf_workers).preview(SITE, [PROFILE])
    assert {f"{each.device}@{each.opened_at_ms}" for each in back.appear} == said - quiet
    assert all(each.reasons for each in back.appear)
    assert [change.field for change in found.diff.changes] == ["metrics.load.minimum_deviation"]
    assert found.before_per_device_day > found.after_per_device_day
    await loud.finish()
    await deaf.finish()


async def test_what_is_trimmed_is_not_previewed_and_the_answer_says_so() -> None:
    rig, workers = await run(PROFILE, snapshot_batches=5)
    found = await desk(rig, workers).preview(SITE, [])
    assert 0 < found.readings < SECONDS * len(DEVICES)
    assert "trimmed" in found.reach
    assert (found.vanish, found.appear, found.before) == ([], [], found.after)
    await rig.finish()


async def test_a_bound_cuts_it_short_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, workers = await run(PROFILE)
    monkeypatch.setattr(previews, "MOST_READINGS", 100)
    found = await desk(rig, workers).preview(SITE, [LOOSE])
    assert not found.complete
    assert found.readings < SECONDS * len(DEVICES)
    assert any("ended early" in note for note in found.notes)
    await rig.finish()


async def test_one_runs_at_a_time_and_one_that_is_given_up_makes_room() -> None:
    rig, workers = await run(PROFILE)
    here = desk(rig, workers)
    first = asyncio.create_task(here.preview(SITE, [DEAF]))
    await asyncio.sleep(0)
    with pytest.raises(DependencyError, match="another preview"):
        await here.preview(SITE, [DEAF])
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await here.preview(SITE, [])).vanishing == 0
    await rig.finish()


async def test_what_could_not_be_put_in_force_is_not_previewed() -> None:
    rig, workers = await run(PROFILE)
    here = desk(rig, workers)
    with pytest.raises(InputError, match="interval_seconds"):
        await here.preview(SITE, [replace(PROFILE, interval_seconds=0.0)])
    with pytest.raises(CommandRefused, match="not loaded"):
        await here.preview(SITE, [replace(PROFILE, bundle="absent/1")])
    await rig.finish()


async def test_who_is_served_by_a_bundle_is_counted_with_who_is_warm() -> None:
    rig, workers = await run(PROFILE)
    folders = {"universal/1": rigs.shipped_bundles() / "universal" / "1"}
    here = ConfigurationDesk(rig.log, workers, rig.configuration, rig.forecasters, folders=lambda: folders)
    [bundle] = await here.bundles()
    assert (bundle.name, bundle.version, bundle.loaded) == ("universal", "1", True)
    assert [(use.site, use.devices, use.warmed) for use in bundle.uses] == [(SITE, len(DEVICES), len(DEVICES))]
    verified = await here.verify("universal", "1")
    assert verified is not None
    assert (verified.sound, verified.findings) == (True, [])
    assert await here.verify("universal", "9") is None
    assert (await here.configuration()).profiles[0].name == "probe"
    assert (await here.profiles(SITE)).own == []
    await rig.finish()
