"""Bodies to records: bounds of a batch, and bytes that are passed on."""

import json

import pytest

from tidegate.api.intake import take_in
from tidegate.contracts.codec import decode
from tidegate.contracts.reading import MAX_BATCH_READINGS, ReadingBatch
from tidegate.errors import InputError

SMALL = {"site": "p", "device": "d", "profile": "p", "event_time_ms": 1, "metrics": {}}


def test_ten_thousand_readings_are_taken() -> None:
    intake = take_in(json.dumps([SMALL] * MAX_BATCH_READINGS).encode())
    assert intake.count == MAX_BATCH_READINGS
    assert len(decode(intake.payload, ReadingBatch).readings) == MAX_BATCH_READINGS


@pytest.mark.parametrize("wrap", [lambda many: many, lambda many: {"site": "p", "readings": many}], ids=["list", "batch"])
def test_one_more_than_ten_thousand_is_refused_with_both_numbers(wrap) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="10001 readings, expected at most 10000"):
        take_in(json.dumps(wrap([SMALL] * (MAX_BATCH_READINGS + 1))).encode())


def test_a_site_with_quotes_and_unicode_is_wrapped_as_valid_json() -> None:
    site = 'hall "ü" \\ 7'
    intake = take_in(json.dumps(SMALL | {"site": site}).encode())
    assert decode(intake.payload, ReadingBatch).site == site


def test_a_repeated_key_means_the_same_to_the_door_and_to_the_worker() -> None:
    body = b'{"site":"p","readings":[],"readings":[%s]}' % json.dumps(SMALL).encode()
    intake = take_in(body)
    assert intake.count == len(decode(intake.payload, ReadingBatch).readings) == 1
