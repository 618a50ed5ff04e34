"""Hypothesis strategies made from the contracts themselves: any message, and JSON that is almost one."""

import string
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
"""Any JSON value; NaN and infinities are none."""

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(string.ascii_letters, max_size=200)


@cache
def messages(kind: type) -> st.SearchStrategy[Any]:
    """Any value of the message type `kind` that its own decoder accepts. Kept: a message of messages takes long to describe."""
    return _values(inspect.type_info(kind))


def _values(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            low, high = -(2**63) if info.ge is None else info.ge, 2**63 - 1 if info.le is None else info.le
            return st.integers(low, high)
        case inspect.FloatType():
            open_low, open_high = info.gt is not None, info.lt is not None
            low, high = info.gt if open_low else info.ge, info.lt if open_high else info.le
            bounds = {"min_value": low, "max_value": high, "exclude_min": open_low, "exclude_max": open_high}
            return st.floats(allow_nan=False, allow_infinity=False, **bounds)
        case inspect.BytesType():
            return st.binary(max_size=40)
        case inspect.StrType():
            low, high = info.min_length or 0, info.max_length or 300
            return _TEXT.filter(lambda text: low <= len(text) <= high)
        case inspect.EnumType():
            return st.sampled_from(info.cls)
        case inspect.UnionType():
            return st.one_of([_values(each) for each in info.types])
        case inspect.ListType() | inspect.VarTupleType():
            values = st.lists(_values(info.item_type), max_size=2)
            return values.map(tuple) if isinstance(info, inspect.VarTupleType) else values
        case inspect.TupleType():
            return st.tuples(*(_values(each) for each in info.item_types))
        case inspect.DictType():
            return st.dictionaries(_values(info.key_type), _values(info.value_type), max_size=2)
        case inspect.DataclassType():
            return _dataclass(info.cls)
    raise NotImplementedError(f"no strategy for {info}")


@cache
def _dataclass(kind: type) -> st.SearchStrategy[Any]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.DataclassType)
    return st.builds(kind, **{field.name: _field(field) for field in info.fields})


def _field(field: inspect.Field) -> st.SearchStrategy[Any]:
    if field.name == "schema_version":
        return st.just(field.default)
    if field.name == "auto_approve_windows":  # which the settings themselves check
        return st.lists(st.sampled_from(["02:00-05:00", "22:00-04:00", "00:00-24:00"]), max_size=2).map(tuple)
    return _values(field.type)


@st.composite
def almost(draw: st.DrawFn, kind: type) -> Any:
    """The builtins of a message of `kind`, after up to two places in it were replaced, removed or added to."""
    tree = msgspec.to_builtins(draw(messages(kind)))
    for _ in range(draw(st.integers(0, 2))):
        _disturb(draw, tree)
    return tree


def _disturb(draw: st.DrawFn, tree: Any) -> None:
    places = [place for place in _containers(tree) if len(place)]
    place = draw(st.sampled_from(places))
    key = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(st.integers(0, len(place) - 1))
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            place[key] = draw(JSON)
        case "remove":
            del place[key]
        case "add" if isinstance(place, dict):
            place[draw(st.text(max_size=5))] = draw(JSON)
        case "add":
            place.append(draw(JSON))


def _containers(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [tree, *(found for value in tree.values() for found in _containers(value))]
    if isinstance(tree, list):
        return [tree, *(found for value in tree for found in _containers(value))]
    return []
