"""One definition, two decoders: what the hot path (msgspec) takes is what REST (pydantic, strict) takes, and as the same value.

The one tolerated difference: `NaN`, `Infinity` and numbers beyond a double such as `1e400` are not JSON numbers to
msgspec, while pydantic reads them. Readings are decoded by msgspec at REST too, and a topology's amounts are checked to be
finite (`check_topology`), so that none gets in by either door.
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from message_strategies import JSON, almost, messages
from pydantic import TypeAdapter, ValidationError

from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import decode, encode, from_builtins, pack, to_builtins, unpack
from tidegate.contracts.command import Command
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.schemas import MESSAGES
from tidegate.contracts.topology import Topology
from tidegate.errors import InputError

REFUSED = object()
INPUTS = (Reading, ReadingBatch, Command, Ack, Topology)
ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in INPUTS}
MANY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SOME = settings(MANY, max_examples=25)


def by_msgspec(kind: type, raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return REFUSED


def by_pydantic(kind: type, raw: bytes) -> object:
    try:
        return ADAPTERS[kind].validate_json(raw, strict=True)
    except ValidationError:
        return REFUSED


def assert_agreed(kind: type, raw: bytes) -> None:
    one, other = by_msgspec(kind, raw), by_pydantic(kind, raw)
    assert (one is REFUSED) == (other is REFUSED), f"msgspec: {one}, pydantic: {other}"
    assert one == other


@pytest.mark.parametrize("kind", INPUTS, ids=lambda kind: kind.__name__)
@MANY
@given(data=st.data())
def test_both_decoders_accept_or_refuse_alike_and_agree_on_the_value(kind: type, data: st.DataObject) -> None:
    assert_agreed(kind, json.dumps(data.draw(almost(kind))).encode())


@MANY
@given(st.sampled_from(INPUTS), JSON)
def test_both_decoders_agree_on_any_json(kind: type, value: object) -> None:
    assert_agreed(kind, json.dumps(value).encode())


@MANY
@given(st.sampled_from(INPUTS), st.binary(max_size=60))
def test_both_decoders_refuse_what_is_not_json(kind: type, raw: bytes) -> None:
    assert_agreed(kind, raw)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_does_not_have_are_refused_on_the_hot_path(number: str) -> None:
    raw = b'{"site": "s", "device": "d", "profile": "p", "event_time_ms": 1, "metrics": {"a": %s}}' % number.encode()
    with pytest.raises(InputError, match="not a valid Reading"):
        decode(raw, Reading)


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({"metrics": {"a": 1}}, True),  # an integer where a number is wanted
        ({"event_time_ms": 1.0}, False),  # not even a whole number written as a float
        ({"event_time_ms": 1.5}, False),
        ({"event_time_ms": "1"}, False),
        ({"event_time_ms": True}, False),
        ({"metrics": {"a": "1"}}, False),
        ({"metrics": {"a": True}}, False),
        ({"something": "unknown"}, True),  # ignored, so that a newer producer can talk to an older service
        ({"site": " padded "}, True),  # admission refuses it, with a reason, for this device alone
    ],
)
def test_what_is_forgiven_is_forgiven_by_both(change: dict[str, object], accepted: bool) -> None:
    body = {"site": "s", "device": "d", "profile": "p", "event_time_ms": 1, "metrics": {}} | change
    raw = json.dumps(body).encode()
    assert (by_msgspec(Reading, raw) is not REFUSED) == accepted
    assert_agreed(Reading, raw)


@pytest.mark.parametrize("kind", MESSAGES.values(), ids=MESSAGES)
@SOME
@given(data=st.data())
def test_every_message_survives_its_encodings(kind: type, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    assert decode(encode(message), kind) == message
    assert unpack(pack(message), kind) == message
    assert from_builtins(to_builtins(message), kind) == message
    assert encode(decode(encode(message), kind)) == encode(message)
