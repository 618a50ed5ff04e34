"""A site's own profiles: taken by command, decided in order, part of the state, and in force after every recovery."""

import asyncio
import json
from dataclasses import replace

import pytest

import worker_rig as rigs
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.ids import CommandId, MetricName, SiteId
from tidegate.contracts.profile import AlarmPolicy, Metric, Profile
from tidegate.core.own_profiles import profiles_digest
from worker_rig import CONFIGURATION, DEVICES, PROFILE, SITE, Rig, readings

TIGHT = replace(PROFILE, alarm=AlarmPolicy(alerts_per_device_day=0.001, close_after=3))
WIDER = replace(PROFILE, metrics={**PROFILE.metrics, MetricName("heat"): Metric(unit="C")})


def configure(name: str, *profiles: Profile, digest: str | None = None, site: SiteId = SITE) -> Command:
    return Command(CommandId(name), site, CommandKind.CONFIGURE_PROFILES, "test", digest=digest, profiles=list(profiles))


@pytest.fixture
def rig() -> Rig:
    return Rig(MemoryLog(), ManualClock(), rigs.universal())


async def send_readings(rig: Rig, first: int, count: int) -> None:
    for second in range(first, first + count):
        rig.clock.advance(1000)
        await rig.send(readings(second, start_ms=rig.clock.now_ms() - second * 1000))
        await rig.drained()


async def outcomes(rig: Rig) -> dict[str, tuple[bool, str]]:
    facts = [json.loads(record.value or b"") for record in await rig.facts(topics.OUTCOMES)]
    return {fact["command"]: (fact["accepted"], fact["reason"]) for fact in facts}


async def test_a_policy_changes_at_once_and_nobody_warms_up_again(rig: Rig) -> None:
    rig.start()
    await send_readings(rig, 0, 70)
    before = (await rig.look()).detection.explain(SITE, DEVICES[0])  # type: ignore[arg-type]
    await rig.send(configure("tight", TIGHT))
    await send_readings(rig, 70, 1)
    partition = await rig.look()
    after = partition.detection.explain(SITE, DEVICES[0])  # type: ignore[arg-type]
    assert before is not None
    assert after is not None
    assert after.threshold > before.threshold
    assert after.policy != before.policy
    assert partition.detection.state_counts(SITE)[DeviceState.WARMING] == 0
    assert partition.own[SITE].command == "tight"
    assert (await outcomes(rig))["tight"] == (True, "")
    await rig.finish()


async def test_another_metric_restarts_the_devices_and_an_empty_list_takes_all_back(rig: Rig) -> None:
    rig.start()
    await send_readings(rig, 0, 70)
    await rig.send(configure("wider", WIDER))
    await send_readings(rig, 70, 1)
    partition = await rig.look()
    assert partition.detection.state_counts(SITE)[DeviceState.OK] == 0
    assert set(partition.detection.device_views(SITE)[0].metrics) == {"load", "heat"}
    await rig.send(configure("none"))
    await send_readings(rig, 71, 1)
    partition = await rig.look()
    assert partition.own == {}
    assert set(partition.detection.device_views(SITE)[0].metrics) == {"load"}
    await rig.finish()


async def test_the_same_metrics_in_another_order_are_no_change(rig: Rig) -> None:
    rig.configuration = CoreConfiguration(profiles={"probe": WIDER})
    rig.start()
    await send_readings(rig, 0, 70)
    turned = replace(WIDER, metrics=dict(reversed(WIDER.metrics.items())), alarm=AlarmPolicy(close_after=9))
    await rig.send(configure("turned", turned))
    await send_readings(rig, 70, 1)
    counts = (await rig.look()).detection.state_counts(SITE)
    assert counts[DeviceState.WARMING] == 0
    await rig.finish()


async def test_other_sites_keep_everybodys_profiles(rig: Rig) -> None:
    rig.start()
    await send_readings(rig, 0, 2)
    await rig.send(configure("elsewhere", WIDER, site=SiteId("harbour")))
    await send_readings(rig, 2, 1)
    partition = await rig.look()
    assert set(partition.detection.device_views(SITE)[0].metrics) == {"load"}
    assert partition.configuration.profiles_of(SITE)["probe"] == PROFILE
    assert partition.configuration.profiles_of(SiteId("harbour"))["probe"] == WIDER
    await rig.finish()


@pytest.mark.parametrize("how", ["kill", "finish"])
@pytest.mark.parametrize("snapshots", [1, 1000])
async def test_what_a_site_has_of_its_own_survives_and_the_state_is_the_same(rig: Rig, how: str, snapshots: int) -> None:
    rig = rigs.with_limits(rig, snapshot_batches=snapshots)
    rig.start()
    await send_readings(rig, 0, 5)
    await rig.send(configure("wider", WIDER))
    await send_readings(rig, 5, 5)
    await rig.send(configure("tight", TIGHT))
    await send_readings(rig, 10, 5)
    digest = await rig.digest()
    await (rig.kill() if how == "kill" else rig.finish())
    rig.start()
    await asyncio.sleep(0)
    await rig.drained()
    partition = await rig.look()
    assert partition.own[SITE].profiles == [TIGHT]
    if how == "kill":
        assert await rig.digest() == digest
    await rig.finish()


async def test_files_that_change_leave_a_sites_own_in_force(rig: Rig) -> None:
    rig.start()
    await send_readings(rig, 0, 3)
    await rig.send(configure("tight", TIGHT))
    await send_readings(rig, 3, 1)
    await rig.finish()
    rig.configuration = CoreConfiguration({"probe": WIDER}, allocation=AllocationSettings(period_seconds=7.0))
    rig.start()
    await send_readings(rig, 4, 1)
    partition = await rig.look()
    assert partition.configuration.profiles_of(SITE)["probe"] == TIGHT
    assert partition.configuration.profiles["probe"] == WIDER
    digest = await rig.digest()
    await rig.kill()
    rig.start()
    await rig.drained()
    assert await rig.digest() == digest
    await rig.finish()


async def test_what_was_not_seen_or_is_not_there_is_refused_and_changes_nothing(rig: Rig) -> None:
    rig.start()
    await send_readings(rig, 0, 2)
    seen = profiles_digest((await rig.look()).configuration, SITE)
    await rig.send(
        configure("fits", TIGHT, digest=seen),
        configure("stale", WIDER, digest=seen),
        configure("no-bundle", replace(PROFILE, bundle="absent/3")),
        Command(CommandId("none"), SITE, CommandKind.ACTIVATE_BUNDLE, "test", profile=PROFILE.name, bundle="absent/3"),
        configure("broken", replace(PROFILE, interval_seconds=-1.0)),
        configure("twice", PROFILE, PROFILE),
        configure("endless", replace(PROFILE, metrics={MetricName("m"): Metric(low=1e308, high=-1e308, stuck_after=10**30)})),
    )
    await send_readings(rig, 2, 1)
    became = await outcomes(rig)
    assert became["fits"] == (True, "")
    assert {name for name, (accepted, _) in became.items() if not accepted} == set(became) - {"fits"}
    assert "are not in force" in became["stale"][1]
    assert "not loaded, there are universal" in became["no-bundle"][1]
    assert "not loaded" in became["none"][1]
    assert (await rig.look()).own[SITE].profiles == [TIGHT]
    await rig.finish()


async def test_a_bundle_is_activated_for_one_profile_of_a_site(rig: Rig) -> None:
    rig.forecasters["universal/1"] = rig.forecasters["universal"]
    rig.start()
    await send_readings(rig, 0, 70)
    activate = Command(CommandId("go"), SITE, CommandKind.ACTIVATE_BUNDLE, "test", profile=PROFILE.name, bundle="universal/1")
    await rig.send(activate, replace(activate, id=CommandId("again")))
    await send_readings(rig, 70, 1)
    became = await outcomes(rig)
    assert became["go"] == (True, "")
    assert "already" in became["again"][1]
    assert (await rig.look()).configuration.profiles_of(SITE)["probe"].bundle == "universal/1"
    digest = await rig.digest()
    await rig.kill()
    rig.start()
    await rig.drained()
    assert await rig.digest() == digest
    await rig.finish()


async def test_a_newer_version_put_beside_the_old_serves_nobody_until_it_is_activated(rig: Rig) -> None:
    class Newer:
        def __init__(self) -> None:
            real = rigs.universal()["universal"]
            self.manifest, self.step, self.identity = real.manifest, real.step, "universal/2@0123456789ab"

    rig.forecasters["universal/1"] = rig.forecasters["universal"]
    rig.start()
    await send_readings(rig, 0, 3)
    await rig.finish()
    rig.forecasters = {**rig.forecasters, "universal": Newer(), "universal/2": Newer()}
    rig.start()
    await send_readings(rig, 3, 1)
    partition = await rig.look()
    assert partition.bundles()["universal"].startswith("universal/1@")
    assert partition.bundles()["universal/2"].startswith("universal/2@")
    await rig.send(Command(CommandId("go"), SITE, CommandKind.ACTIVATE_BUNDLE, profile=PROFILE.name, bundle="universal/2"))
    await send_readings(rig, 4, 1)
    assert (await outcomes(rig))["go"] == (True, "")
    digest = await rig.digest()
    await rig.kill()
    rig.start()
    await rig.drained()
    assert await rig.digest() == digest
    await rig.finish()
    assert CONFIGURATION.profiles["probe"].bundle is None
