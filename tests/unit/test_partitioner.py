"""The partitioner agrees with Kafka's, or a site would live in two places."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as kafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from tidegate.contracts.partitioner import murmur2, partition_of
from tidegate.contracts.topics import CLEANUP, COMPACTED, INPUTS, TELEMETRY, with_prefix
from tidegate.errors import ConfigurationError


@pytest.mark.parametrize(
    ("data", "signed"),
    [  # from Kafka's own UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_the_values_of_kafkas_own_test(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed & 0xFFFFFFFF


@given(st.binary(max_size=200))
def test_murmur2_agrees_with_the_python_client(data: bytes) -> None:
    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


@given(st.text(max_size=140), st.integers(1, 64))
def test_a_site_goes_where_a_kafka_producer_with_that_key_would_send_it(site: str, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(site, partitions) == DefaultPartitioner()(site.encode("utf-8"), every, every)


def test_a_surrogate_still_has_a_partition() -> None:
    assert 0 <= partition_of("\ud800", 7) < 7


def test_every_topic_has_a_cleanup_and_inputs_are_never_compacted() -> None:
    assert all(topic.startswith("tidegate.") and topic.endswith(".v1") for topic in CLEANUP)
    assert not COMPACTED & set(INPUTS)
    assert CLEANUP.keys() > COMPACTED


def test_a_prefix_goes_before_a_topic_and_a_bad_one_is_refused() -> None:
    assert with_prefix("", TELEMETRY) == TELEMETRY
    assert with_prefix("plant-a.", TELEMETRY) == "plant-a.tidegate.telemetry.v1"
    for bad in ("plant a", "größe", "a/b", "x" * 249):
        with pytest.raises(ConfigurationError, match="topic prefix"):
            with_prefix(bad, TELEMETRY)
