"""What strangers' producers send is read: the one in docs/kafka.md as it stands, and every compression Kafka has."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from kafka_logs import fresh_connection, open_fresh
from tidegate.contracts import topics
from tidegate.contracts.content import ContentType, header
from tidegate.contracts.packing import to_packed
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.pipeline.decode import Telemetry, decode_telemetry
from tidegate.ports import Log

pytestmark = pytest.mark.kafka

PAGE = Path(__file__).parents[2] / "docs" / "kafka.md"
PARTITIONS = 4


async def everything(log: Log) -> Telemetry:
    pages = [
        await log.read(topics.TELEMETRY, partition, 0, max_records=100, max_bytes=1 << 20) for partition in range(PARTITIONS)
    ]
    return decode_telemetry([record for page in pages for record in page], PARTITIONS)


async def test_the_producer_in_the_documentation_is_understood(kafka: str) -> None:
    connection = fresh_connection(kafka)
    log = await open_fresh(connection, PARTITIONS)
    [program] = [block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if "msgpack" in block]
    assert len(program.strip().splitlines()) <= 23
    program = program.replace("localhost:9092", kafka).replace("tidegate.telemetry.v1", connection.topic(topics.TELEMETRY))
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    _, errors = await running.communicate()
    assert running.returncode == 0, errors.decode()
    telemetry = await everything(log)
    await log.close()
    assert telemetry.letters == []
    assert [(reading.site, reading.device) for reading in telemetry.readings] == [
        ("plant-1", "boiler-7"),
        ("plant-1", "boiler-8"),
    ]
    assert telemetry.readings[1].metrics["humidity_percent"] is None


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(kafka: str, compression: str) -> None:
    connection = fresh_connection(kafka)
    log = await open_fresh(connection, PARTITIONS)
    sent = [Reading("plant-1", f"d{number}", "p", number, {"heat": float(number)}) for number in range(500)]
    [value] = to_packed(ReadingBatch("plant-1", sent))
    async with AIOKafkaProducer(bootstrap_servers=kafka, compression_type=compression) as producer:
        await producer.send_and_wait(
            connection.topic(topics.TELEMETRY),
            value,
            key=b"plant-1",
            partition=partition_of("plant-1", PARTITIONS),
            headers=list(header(ContentType.PACKED)),
        )
    telemetry = await everything(log)
    await log.close()
    assert telemetry.readings == sent
