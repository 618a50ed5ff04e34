"""After a stop of any kind the worker continues as if nothing had been: same facts, same ids, same state, to the bit."""

from pathlib import Path

import pytest

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.ids import AnomalyId, CommandId, DeviceId, GatewayId
from tidegate.contracts.maintenance import MaintenanceWindow, WindowId
from tidegate.contracts.topics import COMPACTED
from tidegate.core.forecaster import Forecaster
from tidegate.errors import BundleError, StateLostError
from tidegate.ports import Commit, Log, Outgoing
from worker_rig import CONFIGURATION, PROFILE, SITE, Rig, readings, topology, universal, values, with_limits

START_MS = 1_700_000_000_000
FACTS = (
    topics.ANOMALIES,
    topics.INCIDENTS,
    topics.SCORES,
    topics.DECISIONS,
    topics.ASSIGNMENTS,
    topics.OUTCOMES,
    topics.DEADLETTER,
)


def words(second: int) -> list[Command]:
    """What people say in the story: a window over the past and one to come, a label, and one window called off."""
    at_ms = START_MS + 1000 * second
    past = MaintenanceWindow(WindowId("past"), at_ms - 5000, at_ms - 1000, devices=[DeviceId("dev-03")])
    coming = MaintenanceWindow(WindowId("coming"), at_ms + 1000, at_ms + 60_000, gateway=GatewayId("gw-a"))
    return [
        Command(CommandId("past"), SITE, CommandKind.DECLARE_MAINTENANCE, "anna", window=past),
        Command(CommandId("coming"), SITE, CommandKind.DECLARE_MAINTENANCE, "anna", window=coming),
        Command(CommandId("label"), SITE, CommandKind.LABEL_ANOMALY, anomaly_id=AnomalyId("a"), label=AnomalyLabel.EXPECTED),
        Command(CommandId("off"), SITE, CommandKind.CANCEL_MAINTENANCE, "anna", window_id=WindowId("past")),
    ]


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


async def story(rig: Rig, seconds: range) -> None:
    """A topology, ordinary life, a spike at 90, which was maintenance, a gateway dead from 100 on; a journaled batch a second."""
    for second in seconds:
        rig.clock.advance(1.0)
        if second == 0:
            await rig.send(topology())
            await rig.drained()
        if second == 93:
            await rig.send(*words(second))
            await rig.drained()
        silent, spike = "gw-b" if second >= 100 else None, "dev-03" if second == 90 else None
        await rig.send(readings(second, start_ms=START_MS, silent=silent, spike=spike))
        await rig.drained()


async def told(rig: Rig) -> list[bytes]:
    return values(await rig.facts(*FACTS))


async def undisturbed(forecasters: dict[str, Forecaster], log: Log | None = None, clock: ManualClock | None = None) -> Rig:
    clock = clock or ManualClock(START_MS)
    rig = Rig(log or MemoryLog(clock=clock, compacted=()), clock, forecasters)
    rig.start()
    await story(rig, range(130))
    return rig


async def test_a_kill_anywhere_changes_no_fact_and_no_bit_of_the_state(forecasters: dict[str, Forecaster]) -> None:
    calm = await undisturbed(forecasters)
    clock = ManualClock(START_MS)
    rough = with_limits(Rig(MemoryLog(clock=clock, compacted=()), clock, forecasters), snapshot_batches=20)
    cuts = (0, 1, 45, 91, 104, 106, 130)
    for begin, end in zip((0, *cuts), cuts, strict=False):
        rough.start()
        await rough.drained()
        await story(rough, range(begin, end))
        if end != 130:
            await rough.kill()
    assert await told(rough) == await told(calm)
    assert await rough.digest() == await calm.digest()
    assert len(await told(calm)) > 20, "the story has to tell something"
    assert any(b'"retracted"' in fact for fact in values(await calm.facts(topics.ANOMALIES)))
    assert await calm.facts(topics.SCORES)
    assert len((await calm.look()).detection.anomalies.maintenance.windows(SITE)) == 1
    await rough.finish()
    await calm.finish()


async def test_stops_in_order_replay_nothing(forecasters: dict[str, Forecaster]) -> None:
    rig = await undisturbed(forecasters)
    before = await rig.digest()
    await rig.finish()
    rig.start()
    await rig.drained()
    assert rig.worker is not None
    assert await rig.digest() == before
    assert rig.worker.progress.replayed_batches == 0
    await rig.finish()


async def test_a_kill_between_log_files_on_disk_restores_from_snapshot_and_journal(
    forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    clock = ManualClock(START_MS)
    log = await EmbeddedLog.open(tmp_path / "t.db", partitions=1, clock=clock)
    rig = with_limits(await undisturbed(forecasters, log, clock), snapshot_batches=50)
    before = await rig.digest()
    await rig.kill()
    await log.close()
    rig.log = await EmbeddedLog.open(tmp_path / "t.db", partitions=1, clock=clock)
    rig.start()
    await rig.drained()
    assert await rig.digest() == before
    await rig.finish()
    await rig.log.close()


@pytest.mark.parametrize("damage", [b"", b"\xc1\xc1", None])
async def test_a_corrupt_snapshot_is_rebuilt_from_the_log(forecasters: dict[str, Forecaster], damage: bytes | None) -> None:
    clock = ManualClock(START_MS)
    rig = with_limits(Rig(MemoryLog(clock=clock, compacted=COMPACTED), clock, forecasters), snapshot_batches=40)
    rig.start()
    await story(rig, range(30))
    await rig.finish()  # leaves a snapshot; the journal is whole
    (first, *_) = await rig.facts(topics.SNAPSHOTS)
    whole = first.value or b""
    harmed = whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:] if damage is None else damage
    await rig.log.commit(Commit(0, [Outgoing(topics.SNAPSHOTS, 0, first.key, harmed)], await rig.log.positions(0)))
    assert isinstance(rig.log, MemoryLog)
    await rig.log.compact()
    rig.start()
    await rig.drained()
    assert rig.worker is not None
    assert rig.worker.progress.replayed_batches > 30
    await story(rig, range(30, 130))
    calm = await undisturbed(forecasters)
    assert (await rig.look()).balance == (await calm.look()).balance
    assert (await rig.look()).detection.digest() == (await calm.look()).detection.digest()
    await rig.finish()
    await calm.finish()


async def test_a_journal_with_a_hole_stops_the_start_and_says_what_to_do(forecasters: dict[str, Forecaster]) -> None:
    rig = await undisturbed(forecasters)
    await rig.kill()
    await rig.log.trim(topics.JOURNAL, 0, 5)
    rig.start()
    assert rig.task is not None
    with pytest.raises(StateLostError, match="backup"):
        await rig.task


async def test_a_replay_runs_under_the_configuration_of_then(forecasters: dict[str, Forecaster]) -> None:
    rig = await undisturbed(forecasters)
    before = await rig.digest()
    await rig.kill()
    changed = CoreConfiguration(profiles={"probe": PROFILE}, allocation=AllocationSettings(period_seconds=7.0))
    rig.configuration = changed
    rig.start()
    await rig.drained()
    assert await rig.digest() == before
    await rig.send(readings(130, start_ms=START_MS))
    await rig.drained()
    assert (await rig.look()).configuration == changed
    await rig.kill()
    rig.configuration = CONFIGURATION
    rig.start()
    await rig.drained()
    assert (await rig.look()).configuration == changed, "the journal's word counts until the next batch"
    await rig.finish()


async def test_a_replay_with_another_bundle_is_refused(forecasters: dict[str, Forecaster]) -> None:
    class Renamed:
        def __init__(self, real: Forecaster) -> None:
            self.manifest, self.step, self.identity = real.manifest, real.step, "universal/2@000000000000"

    rig = await undisturbed(forecasters)
    await rig.kill()
    rig.forecasters = {"universal": Renamed(forecasters["universal"])}
    rig.start()
    assert rig.task is not None
    with pytest.raises(BundleError, match=r"universal/1@.* is not installed"):
        await rig.task


async def test_the_log_forgets_only_what_two_snapshots_cover(forecasters: dict[str, Forecaster]) -> None:
    clock = ManualClock(START_MS)
    rig = with_limits(Rig(MemoryLog(clock=clock), clock, forecasters), snapshot_batches=20)
    rig.start()
    await story(rig, range(130))
    before = await rig.digest()
    await rig.kill()
    assert await rig.log.start_offset(topics.TELEMETRY, 0) > 60
    assert await rig.log.start_offset(topics.JOURNAL, 0) > 60
    rig.start()
    await rig.drained()
    assert await rig.digest() == before
    await rig.finish()
