"""Any batch survives being packed, but for what float32 cannot hold."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from message_strategies import messages

from tidegate.contracts.columns import row_faults, unpack_batch
from tidegate.contracts.packing import BEYOND_FLOAT32, to_packed, to_readings
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.errors import InputError

MANY = settings(deadline=None, max_examples=150)


def rounded(value: float | None) -> float | None:
    """`value` as it comes back."""
    if value is None or math.isnan(value):
        return None
    with np.errstate(over="ignore"):
        single = float(np.float32(value))
    return single if math.isfinite(single) else math.copysign(BEYOND_FLOAT32, single)


def present(reading: Reading) -> dict[str, float]:
    return {name: value for name, value in reading.metrics.items() if value is not None}


@MANY
@given(st.lists(messages(Reading), min_size=1, max_size=6))
def test_every_field_comes_back_and_values_within_half_a_unit_of_24_bits(readings: list[Reading]) -> None:
    order = list(dict.fromkeys(reading.profile for reading in readings))
    sent = sorted(readings, key=lambda reading: order.index(reading.profile))
    back = [found for raw in to_packed(ReadingBatch("s", readings)) for found in to_readings(unpack_batch(raw))]
    for one, other in zip(sent, back, strict=True):
        assert (one.device, one.profile, one.event_time_ms) == (other.device, other.profile, other.event_time_ms)
        assert (one.gateway, one.epoch, one.sequence) == (other.gateway, other.epoch, other.sequence)
        assert {name: rounded(value) for name, value in present(one).items()} == present(other)


@MANY
@given(st.lists(messages(Reading), min_size=1, max_size=3))
def test_what_came_back_once_comes_back_the_same_again(readings: list[Reading]) -> None:
    for raw in to_packed(ReadingBatch("s", readings)):
        once = to_readings(unpack_batch(raw))
        (again,) = to_packed(ReadingBatch("s", once))
        assert to_readings(unpack_batch(again)) == once


@MANY
@given(st.lists(messages(Reading), min_size=1, max_size=3), st.data())
def test_a_damaged_message_is_refused_or_read_and_never_anything_else(readings: list[Reading], data: st.DataObject) -> None:
    raw = bytearray(to_packed(ReadingBatch("s", readings))[0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        columns = unpack_batch(bytes(raw))
    except InputError:
        return
    assert len(to_readings(columns)) == len(columns)
    assert len(row_faults(columns)) <= len(columns)
