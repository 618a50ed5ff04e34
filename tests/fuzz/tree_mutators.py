"""Mutators of meaning: messages that are still well encoded, JSON or MessagePack, and say what no sound producer says."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from fuzz.byte_mutators import Mutator
from fuzz.message import Message
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.reading import MAX_BATCH_READINGS

Tree = Any
"""A message as dicts, lists and scalars."""

_ODD: tuple[Tree, ...] = (
    None, True, "", " ", "\x00", "\x1b[31m", "\ud800", "\u202e", "x" * 128, "x" * 129, "x" * 5_000, "a/b%2F", "null",
    0, -1, 1.5, MAX_INTEGER, MAX_INTEGER + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400,
    1e15, 1.0000001e15, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
    [], {}, [[]], [None], {"": None}, {"a": {"b": {}}},
)  # fmt: skip
_TIMES_MS = (0, 1, -1, MAX_INTEGER, -MAX_INTEGER, MAX_INTEGER + 1, 2**63 - 1, -(2**63), -62_135_596_800_000, 253_402_300_800_000)
_NEAR_MS = (-1, 0, 1, 1_000, -1_000, 60_000, -60_000, 86_400_000, -86_400_000, 10**10)
_VALUES = (1e15, -1e15, 1.0001e15, 0.0, -0.0, 1e-300, 5e-324, 1e14, 123456789.123456789, 2**60, None, 1e16, -1e300)
_TIMES = ("event_time_ms", "sent_at_ms", "requested_at_ms", "expires_at_ms")
_IDS = ("site", "device", "profile", "gateway", "id", "plan_id", "digest", "solver")
_COLUMNS = ("event_time_ms", "values", "device_index", "sequence", "gateway_index", "epoch")
_EXTREME = b"".join(struct.pack("<q", number) for number in (2**63 - 1, -(2**63), -1, 0)) + struct.pack(
    "<4I", 0x7F800000, 0xFF800000, 0x7FA00000, 0x7F7FFFFF
)


def odd_value(random: Random, tree: Tree) -> Tree:
    """Something of another kind or size in one place."""
    place, key = _place(random, tree)
    place[key] = random.choice(_ODD)
    return tree


def lost_key(random: Random, tree: Tree) -> Tree:
    """A field or an item is gone."""
    place, key = _place(random, tree)
    del place[key]
    return tree


def moved_part(random: Random, tree: Tree) -> Tree:
    """A part stands where another should."""
    (source, name), (target, key) = _place(random, tree), _place(random, tree)
    target[key] = json.loads(json.dumps(source[name], default=repr))
    return tree


def odd_time(random: Random, tree: Tree) -> Tree:
    """A time at the end of the world, or a little off."""
    for place, key in _named(random, tree, _TIMES):
        known = place[key] if type(place[key]) is int else 0
        place[key] = random.choice(_TIMES_MS) if random.random() < 0.5 else known + random.choice(_NEAR_MS)
    return tree


def odd_id(random: Random, tree: Tree) -> Tree:
    """An identifier nobody should have."""
    for place, key in _named(random, tree, _IDS):
        place[key] = random.choice(_ODD[:13]) if random.random() < 0.8 else f"stranger-{random.randrange(2_000)}"
    return tree


def odd_metrics(random: Random, tree: Tree) -> Tree:
    """Every value of a reading at the edge of what is believed."""
    for place, key in _named(random, tree, ("metrics",)):
        if isinstance(place[key], dict):
            place[key] = {name: random.choice(_VALUES) for name in place[key]}
    return tree


def odd_version(random: Random, tree: Tree) -> Tree:
    """A schema that nobody knows."""
    if isinstance(tree, dict):
        tree["schema_version"] = random.choice((0, 2, -1, "1", None, 1.0, 2**63))
    return tree


def many(random: Random, tree: Tree) -> Tree:
    """A list with very many items, now and then more than a batch may have."""
    lists = [place for place in _containers(tree) if isinstance(place, list) and place]
    if lists:
        chosen = random.choice(lists)
        count = MAX_BATCH_READINGS + 1 if random.random() < 0.01 else random.choice((2, 50, 200))
        chosen += chosen[-1:] * count
    return tree


def odd_column(random: Random, tree: Tree) -> Tree:
    """A packed column that is too short, too long, or full of extremes; in JSON nothing is one."""
    columns = [name for name in _COLUMNS if isinstance(tree, dict) and isinstance(tree.get(name), bytes)]
    if not columns:
        return odd_value(random, tree)
    name = random.choice(columns)
    old: bytes = tree[name]
    extreme = (_EXTREME[8 * random.randrange(6) :] * (len(old) // 8 + 1))[: len(old)]
    cut = random.randrange(len(old) + 1)
    tree[name] = random.choice(
        (old[:-1], old + b"\x00", b"", old * 2, extreme, old[:cut] + extreme[cut:], random.randbytes(len(old)))
    )
    return tree


TREE_MUTATORS: tuple[Callable[[Random, Tree], Tree], ...] = (
    odd_value,
    lost_key,
    moved_part,
    odd_time,
    odd_id,
    odd_metrics,
    odd_version,
    many,
    odd_column,
)


def on_tree(mutate: Callable[[Random, Tree], Tree]) -> Mutator:
    """`mutate` as a mutator of messages: those that cannot be taken apart, or not put together again, stay as they are."""

    def mutator(random: Random, message: Message, _: Message) -> Message:
        try:
            tree = msgspec.msgpack.decode(message.value) if message.is_packed else json.loads(message.value)
            if not isinstance(tree, dict | list) or not tree:
                return message
            return replace(message, value=_encode(random, message, mutate(random, tree)))
        except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError, UnicodeError, TypeError):
            return message

    mutator.__name__ = mutate.__name__
    return mutator


def _encode(random: Random, message: Message, tree: Tree) -> bytes:
    if message.is_packed:
        return msgspec.msgpack.encode(tree)
    return json.dumps(tree, ensure_ascii=random.random() < 0.5, default=repr).encode("utf-8", "surrogatepass")


def hostile_head(random: Random, message: Message, _: Message) -> Message:
    """A packed map, one field of which claims up to four gigabytes that never come."""
    fields = ("site", "metrics", "devices", "values", "event_time_ms", "gateways", "device_index", "unknown")
    claim = random.choice((2**31 - 1, 2**32 - 1, 2**24, 10_001, 65_536)).to_bytes(4, "big")
    head = random.choice((b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9"))
    start = random.choice((b"\x81", b"\x8f", b"\xde\xff\xff", b"\xdf\xff\xff\xff\xff"))
    value = start + msgspec.msgpack.encode(random.choice(fields)) + head + claim + random.randbytes(random.randrange(64))
    return replace(message, value=value, content_type="application/vnd.tidegate.packed+msgpack")


def _containers(tree: Tree) -> list[Any]:
    found, waiting = [], [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict | list):
            found.append(here)
            waiting += here.values() if isinstance(here, dict) else here[:20]
    return found


def _place(random: Random, tree: Tree) -> tuple[Any, Any]:
    place = random.choice([each for each in _containers(tree) if each])
    return place, random.choice(list(place)) if isinstance(place, dict) else random.randrange(len(place))


def _named(random: Random, tree: Tree, names: tuple[str, ...]) -> list[tuple[Any, str]]:
    """Up to two places of fields with one of these names."""
    found = [(place, name) for place in _containers(tree) if isinstance(place, dict) for name in names if name in place]
    return random.sample(found, min(len(found), random.randint(1, 2)))
