"""A posted series is scored as a worker scores the same readings, bit for bit, and touches nothing."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.codec import decode, encode, to_builtins, unpack
from tidegate.contracts.configuration import CoreConfiguration, DetectionSettings
from tidegate.contracts.ids import DeviceId, MetricName
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.scores import ScoreBatch, samples_of
from tidegate.contracts.series import ScoredSeries, SeriesReading, SeriesRequest
from tidegate.core.detection.recorded import point_of
from tidegate.core.forecaster import Forecaster
from tidegate.errors import BusyError, InputError
from tidegate.pipeline.series import AT_ONCE, SeriesDesk
from worker_rig import PROFILE, SITE, Rig, universal, values

START_MS = 1_700_000_000_000
TWO = replace(PROFILE, metrics={MetricName("load"): Metric(low=-1e6, high=1e6, stuck_after=5), MetricName("heat"): Metric()})
CONFIGURATION = CoreConfiguration({"probe": TWO}, DetectionSettings(score_every_seconds=0.0))


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


@pytest.fixture
def desk(forecasters: dict[str, Forecaster]) -> Iterator[SeriesDesk]:
    desk = SeriesDesk(CONFIGURATION, forecasters)
    yield desk
    desk.close()


def series(count: int = 300) -> list[SeriesReading]:
    """Noise, a spike, a stuck stretch, missing values, a gap, a repeat and a reading out of order."""
    random = np.random.default_rng(3)
    made = []
    for second in range(count):
        load = 5000.0 if second in (200, 201) else 42.0 if 240 <= second < 252 else float(random.normal(100.0, 2.0))
        heat = None if second % 11 == 0 else float(random.normal(20.0, 1.0))
        at = second + (30 if second >= 270 else 0) - (2 if second == 220 else 0)
        made.append(SeriesReading(START_MS + 1000 * at, {MetricName("load"): load, MetricName("heat"): heat}))
    return made


async def asked(desk: SeriesDesk, readings: Sequence[SeriesReading], **given: Any) -> ScoredSeries:
    request = SeriesRequest(list(readings), **({"profile": "probe"} | given))  # type: ignore[arg-type]
    return decode(await desk.score(request), ScoredSeries)


@pytest.mark.parametrize("at_once", [1, 37])
async def test_a_posted_series_scores_as_the_worker_scores_it(
    desk: SeriesDesk, forecasters: dict[str, Forecaster], at_once: int
) -> None:
    clock = ManualClock(START_MS)
    rig = Rig(MemoryLog(clock=clock), clock, forecasters, configuration=CONFIGURATION)
    rig.start()
    clock.advance(400.0)
    told = series()
    for start in range(0, len(told), at_once):
        part = told[start : start + at_once]
        batch = [Reading(SITE, DeviceId("d"), TWO.name, each.event_time_ms, each.metrics) for each in part]
        await rig.send(ReadingBatch(SITE, batch))
        await rig.drained()
    answer = await asked(desk, told)
    by_time = {each.event_time_ms: each for each in answer.readings if not each.refused}
    records = [unpack(value, ScoreBatch) for value in values(await rig.facts(topics.SCORES))]
    points = [point_of(sample) for batch in records for sample in samples_of(batch)]
    assert len(points) > 5
    for point in points:
        ours = by_time[point.event_time_ms]
        assert (ours.state, ours.score, ours.neg_log10_p, ours.threshold) == (
            point.state,
            point.score,
            point.neg_log10_p,
            point.threshold,
        )
        assert ours.metrics == point.metrics
        assert (ours.anomaly is None) == (point.anomaly is None)
    facts = [decode(value, Anomaly) for value in values(await rig.facts(topics.ANOMALIES))]
    assert [_nameless(fact) for fact in answer.anomalies] == [_nameless(fact) for fact in facts]
    assert len(facts) > 1
    await rig.finish()


def _nameless(fact: Anomaly) -> Any:
    told = to_builtins(fact)
    return {name: told[name] for name in told if name not in ("id", "site", "device")}


async def test_what_counts_for_nothing_says_why(desk: SeriesDesk) -> None:
    answer = await asked(desk, [*series(230), series(230)[-1], SeriesReading(START_MS + 10**6, {MetricName("unheard"): 1.0})])
    refused = {place: each.refused for place, each in enumerate(answer.readings) if each.refused}
    assert list(refused) == [220, 230, 231]
    assert "repeat" in refused[230]
    assert "unheard" in refused[231]


async def test_a_declared_profile_scores_as_the_same_one_by_name(desk: SeriesDesk) -> None:
    named = await asked(desk, series())
    declared = await asked(
        desk, series(), profile=None, metrics=dict(TWO.metrics), interval_seconds=TWO.interval_seconds, alarm=TWO.alarm
    )
    assert declared.readings == named.readings
    assert declared.profile == "declared"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"profile": "nobody"}, "there are: probe"),
        ({"profile": None}, "neither profile nor metrics"),
        ({"metrics": {"load": Metric()}}, "both given"),
        ({"profile": None, "metrics": {"load": Metric()}}, "interval_seconds"),
        ({"profile": None, "metrics": {"load": Metric(low=2.0, high=1.0)}, "interval_seconds": 1.0}, "low"),
        ({"profile": None, "metrics": {"load": Metric()}, "interval_seconds": 0.0}, "interval_seconds"),
        ({"profile": None, "metrics": {"load": Metric()}, "interval_seconds": 1.0, "bundle": "x"}, "universal"),
    ],
)
async def test_what_cannot_be_scored_is_refused_with_what_can(desk: SeriesDesk, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        await asked(desk, series(3), **given)


async def test_only_so_many_are_scored_at_a_time_and_the_loop_goes_on(desk: SeriesDesk) -> None:
    under_way = [asyncio.create_task(asked(desk, series())) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await asked(desk, series(1))
    turns = 0
    while not all(task.done() for task in under_way):
        turns += 1
        await asyncio.sleep(0.005)
    assert turns > 10, "the event loop was held up"
    assert len({encode(task.result()) for task in under_way}) == 1
    assert (await asked(desk, series(1))).readings


async def test_a_caller_who_leaves_frees_the_place_when_the_work_is_done(desk: SeriesDesk) -> None:
    tasks = [asyncio.create_task(asked(desk, series())) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(20):
        while True:
            try:
                await asked(desk, series(1))
                return
            except BusyError:
                await asyncio.sleep(0.01)
