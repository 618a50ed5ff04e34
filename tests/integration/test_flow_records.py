"""Flow records through a worker: activated for a site, classified, told, and the same again after a kill."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

import worker_rig as rigs
from support.classifiers import NearestCentre
from support.records import BYTES, course, flow_profile, record
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, ProfileName
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import ReadingBatch
from tidegate.contracts.series import ScoredSeries, SeriesReading, SeriesRequest
from tidegate.core.classifier import Model
from tidegate.errors import InputError
from tidegate.pipeline.series import SeriesDesk
from worker_rig import SITE, Rig

PROFILE = flow_profile(bundle=None)
NARROW = replace(PROFILE, name=ProfileName("narrow"), metrics={BYTES: Metric()})
ACTIVATE = Command(CommandId("go"), SITE, CommandKind.ACTIVATE_BUNDLE, "test", profile=PROFILE.name, bundle="flows/1")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    flows = NearestCentre()
    models: dict[str, Model] = {**rigs.universal(), "flows": flows, "flows/1": flows}
    configuration = CoreConfiguration({each.name: each for each in (PROFILE, NARROW)})
    made = Rig(MemoryLog(), ManualClock(), models, configuration=configuration)
    made.start()
    yield made
    await made.finish()


async def send(rig: Rig, kind: str, first: int, count: int) -> None:
    start_ms = record(0, kind).event_time_ms
    for second in range(first, first + count, 5):
        rig.clock.advance(max(start_ms + 1000 * (second + 5) - rig.clock.now_ms(), 0))
        readings = [replace(record(each, kind), site=SITE) for each in range(second, second + 5)]
        await rig.send(ReadingBatch(SITE, readings))
        await rig.drained()


async def told(rig: Rig, topic: str) -> list[dict[str, object]]:
    return [json.loads(fact.value or b"") for fact in await rig.facts(topic)]


async def test_an_activated_bundle_classifies_a_sites_records_and_a_kill_changes_nothing(rig: Rig) -> None:
    await send(rig, "calm", 0, 10)
    await rig.send(ACTIVATE)
    await send(rig, "calm", 10, 10)
    await send(rig, "scan", 20, 10)
    fact = (await told(rig, topics.ANOMALIES))[0]
    assert (fact["class_name"], fact["fault_kind"], fact["bundle"]) == ("scan", "attack", "flows/1@111111111111")
    digest = await rig.digest()
    await rig.kill()
    rig.start()
    await rig.drained()
    assert await rig.digest() == digest
    await send(rig, "flood", 30, 20)
    versions = [(fact["version"], fact["class_name"]) for fact in await told(rig, topics.ANOMALIES)]
    assert versions == sorted(set(versions))
    assert versions[-1][1] == "flood"


async def test_activation_for_a_profile_of_other_columns_is_refused_by_their_names(rig: Rig) -> None:
    await rig.send(replace(ACTIVATE, profile=NARROW.name))
    await rig.drained()
    outcome = (await told(rig, topics.OUTCOMES))[0]
    assert outcome["accepted"] is False
    said = "profile 'narrow' lacks 1 of the 2 columns that bundle flows/1 classifies by: 'packets'"
    assert str(outcome["reason"]).startswith(said)


async def test_posted_records_are_classified_and_a_declared_profile_needs_the_columns() -> None:
    desk = SeriesDesk(CoreConfiguration({}), {**rigs.universal(), "flows": NearestCentre()})
    posted = [SeriesReading(each.event_time_ms, each.metrics) for each in course(("calm", 10), ("flood", 8))]
    declared = SeriesRequest(posted, metrics=dict(PROFILE.metrics), interval_seconds=1.0, bundle="flows")
    scored = decode(await desk.score(declared), ScoredSeries)
    assert [fact.class_name for fact in scored.anomalies][:1] == ["flood"]
    assert scored.readings[0].metrics[BYTES].observed == posted[0].metrics[BYTES]
    with pytest.raises(InputError, match="lacks 1 of the 2 columns"):
        await desk.score(replace(declared, metrics={BYTES: Metric()}))
    desk.close()
