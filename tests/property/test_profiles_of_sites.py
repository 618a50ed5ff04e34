"""Whatever sites are given of their own, in any order: a state that was written and read goes on as one that was not."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.profile import AlarmPolicy, Metric, Profile
from tidegate.contracts.reading import Reading
from tidegate.core.partition import Batch, Partition
from tidegate.pipeline.snapshots import chunk_snapshot, join_chunks, read_chunk
from worker_rig import universal

FORECASTERS = {"universal": universal()["universal"], "universal/1": universal()["universal"]}
SITES = (SiteId("north"), SiteId("south"))
METRICS = ("a", "b", "c")

profiles = some.builds(
    Profile,
    name=some.sampled_from([ProfileName("pump"), ProfileName("fan")]),
    interval_seconds=some.sampled_from([1.0, 5.0]),
    metrics=some.lists(some.sampled_from(METRICS), min_size=1, unique=True).map(
        lambda names: {MetricName(name): Metric(low=-1e3, high=1e3) for name in names}
    ),
    bundle=some.sampled_from([None, "universal/1", "absent/1"]),
    alarm=some.builds(AlarmPolicy, alerts_per_device_day=some.sampled_from([0.01, 100.0])),
    lateness_seconds=some.sampled_from([0.0, 10.0]),
)
changes = some.tuples(some.sampled_from(SITES), some.lists(profiles, max_size=2))
steps = some.lists(some.one_of(some.none(), changes), min_size=2, max_size=8)
EVERYBODYS = {
    name: Profile(ProfileName(name), 1.0, {MetricName("a"): Metric(), MetricName("b"): Metric()}) for name in ("pump", "fan")
}


def batch(number: int, change: Any) -> Batch:
    tick_ms = 1_767_225_600_000 + 1000 * number
    readings = [
        Reading(site, DeviceId(f"{kind}-{n}"), ProfileName(kind), tick_ms, {MetricName(m): 5.0 + number + n for m in METRICS})
        for site in SITES
        for kind in ("pump", "fan")
        for n in range(2)
    ]
    if change is None:
        return Batch(tick_ms, readings)
    site, own = change
    return Batch(tick_ms, readings, [Command(CommandId(f"c{number}"), site, CommandKind.CONFIGURE_PROFILES, profiles=own)])


def reread(partition: Partition) -> Partition:
    chunks = chunk_snapshot(0, 0, {}, partition.export_state())
    return Partition.restore(join_chunks(map(read_chunk, chunks)).state, FORECASTERS)


@settings(max_examples=30, deadline=None)
@given(steps, some.integers(0, 7))
def test_a_state_that_was_written_down_goes_on_the_same(course: list[Any], where: int) -> None:
    plain = Partition(CoreConfiguration(EVERYBODYS), FORECASTERS)
    other = Partition(CoreConfiguration(EVERYBODYS), FORECASTERS)
    for number, change in enumerate(course):
        said, again = plain.step(batch(number, change)), other.step(batch(number, change))
        assert (said.anomalies, said.outcomes) == (again.anomalies, again.outcomes)
        assert said.detection.scored + len(said.rejections) == 8
        for site, own in plain.configuration.site_profiles.items():
            assert all(each.bundle != "absent/1" for each in own.values()), site
        if number == where:
            other = reread(other)
    assert plain.digest() == other.digest()
