"""A fleet on a log's topics: right partition, readable as a stranger's, and assignments that come back."""

import pytest

from tidegate.adapters.memory import MemoryLog
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.content import declared_in
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, MetricName, ProfileName, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.errors import DependencyError
from tidegate.fleet.forms import Form
from tidegate.fleet.log_sink import LogSink
from tidegate.pipeline.decode import decode_telemetry
from tidegate.pipeline.decode_words import decode_commands
from tidegate.ports import Log, Outgoing, Record

PARTITIONS = 4
SITE = SiteId("north")
HOME = partition_of(SITE, PARTITIONS)


class Opened:
    """Counts how often the log is opened."""

    def __init__(self) -> None:
        self.log = MemoryLog(PARTITIONS)
        self.times = 0

    async def __call__(self) -> Log:
        self.times += 1
        return self.log

    async def all(self, topic: str) -> list[Record]:
        return list(await self.log.read(topic, HOME, 0, max_records=100, max_bytes=1 << 20))


def assigned(device: str, gateway: str, epoch: int) -> Outgoing:
    value = Assignment(SITE, DeviceId(device), GatewayId(gateway), epoch, {}, Phase.ACTIVE, None, 1, "test")
    return Outgoing(topics.ASSIGNMENTS, HOME, device.encode(), encode(value))


async def test_batches_and_commands_land_where_the_worker_of_their_site_reads() -> None:
    opened = Opened()
    sink = LogSink(opened)
    reading = Reading(SITE, DeviceId("d"), ProfileName("p"), 5, {})
    await sink.send(ReadingBatch(SITE, [reading, reading]))
    await sink.command(Command(CommandId("c"), SITE, CommandKind.FREEZE))
    assert decode_telemetry(await opened.all(topics.TELEMETRY), PARTITIONS).readings == [reading, reading]
    assert [command.id for command in decode_commands(await opened.all(topics.COMMANDS), PARTITIONS).messages] == ["c"]
    assert opened.times == 1


@pytest.mark.parametrize(("form", "count"), [(Form.JSON, 3), (Form.BATCH, 1), (Form.PACKED, 2)])
async def test_every_form_says_the_same_and_names_itself_in_the_header(form: Form, count: int) -> None:
    opened = Opened()
    profiles = [ProfileName("p"), ProfileName("q"), ProfileName("p")]
    metrics: dict[MetricName, float | None] = {MetricName("heat"): 1.5, MetricName("load"): None}
    readings = [Reading(SITE, DeviceId(f"d{n}"), profile, n, metrics, sequence=n) for n, profile in enumerate(profiles)]
    await LogSink(opened, form).send(ReadingBatch(SITE, readings))
    records = await opened.all(topics.TELEMETRY)
    assert len(records) == count
    assert len({declared_in(record.headers) for record in records} - {None}) == 1
    found = decode_telemetry(records, PARTITIONS).readings
    assert sorted(found, key=lambda reading: reading.device) == readings


async def test_the_latest_assignment_of_each_device_comes_back() -> None:
    opened = Opened()
    sink = LogSink(opened)
    assert await sink.assignments(SITE) == []
    await opened.log.append([assigned("a", "g1", 1), assigned("b", "g1", 1), assigned("a", "g2", 2)])
    assert {one.device: one.gateway for one in await sink.assignments(SITE)} == {"a": "g2", "b": "g1"}
    await opened.log.append([assigned("b", "g3", 2)])
    assert {one.device: one.gateway for one in await sink.assignments(SITE)} == {"a": "g2", "b": "g3"}
    assert await sink.assignments(SiteId("elsewhere")) == []


async def test_closing_closes_the_log_and_opens_none() -> None:
    opened = Opened()
    unused = LogSink(opened)
    await unused.close()
    assert opened.times == 0
    sink = LogSink(opened)
    await sink.assignments(SITE)
    await sink.close()
    with pytest.raises(DependencyError):
        await sink.command(Command(CommandId("c"), SITE, CommandKind.FREEZE))
