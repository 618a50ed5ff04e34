"""Bytes to messages and back: the one place that knows msgspec, for JSON on topics and MessagePack for state.

Decoding raises our own errors with the field that is wrong; it never returns half a message.
"""

import base64
import hashlib
from typing import Any, TypeVar

import msgspec

from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import InputError, SchemaVersionError

T = TypeVar("T")

# Making a decoder compiles the type, which takes longer than a thousand messages.
_JSON_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
_MSGPACK_DECODERS: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def encode(message: object) -> bytes:
    """Encode `message` as JSON, UTF-8, keys in field order; bytes become base64. Equal values give equal bytes."""
    return msgspec.json.encode(message)


def decode(raw: bytes, kind: type[T]) -> T:
    """Decode JSON `raw` as `kind`. A UTF-8 byte order mark and surrounding white space are forgiven, nothing else is.

    Raises:
        InputError: not JSON, a field is missing, or a value has the wrong type or length.
        SchemaVersionError: the message carries a version other than `SCHEMA_VERSION`.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    try:
        message: T = _json_decoder(kind).decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not a valid {kind.__name__}: {error}") from error
    check_version(message)
    return message


def split_batch(raw: bytes) -> tuple[str, list[bytes]]:
    """The site and the still encoded readings of a JSON batch, so that one malformed reading can be told from the others.

    Raises:
        InputError: not even the frame of a batch.
    """
    try:
        frame = _json_decoder(_BatchFrame).decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not a valid batch: {error}") from error
    return frame.site, [bytes(part) for part in frame.readings]


class _BatchFrame(msgspec.Struct):
    site: str
    readings: list[msgspec.Raw]


def pack(message: object) -> bytes:
    """Encode `message` as MessagePack: bytes stay bytes, floats stay exact."""
    return msgspec.msgpack.encode(message)


def check_version(message: object) -> None:
    """Refuse a decoded `message` of another schema version; one that carries none is fine.

    Raises:
        SchemaVersionError: the version is not `SCHEMA_VERSION`.
    """
    version = getattr(message, "schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"schema version {version} of {type(message).__name__} is not known, expected {SCHEMA_VERSION}",
            advice="upgrade Tidegate or send the expected version",
        )


def unpack(raw: bytes, kind: type[T]) -> T:
    """Decode MessagePack `raw` as `kind`.

    Raises:
        InputError: `raw` is not a `kind`.
    """
    try:
        message: T = _msgpack_decoder(kind).decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not a valid {getattr(kind, '__name__', kind)}: {error}") from error
    return message


def digest(message: object) -> str:
    """sha256 of `message` as JSON with sorted keys, as hex: equal values have equal digests, whatever order built them."""
    return hashlib.sha256(msgspec.json.encode(message, order="sorted")).hexdigest()


def to_builtins(message: object) -> Any:
    """`message` as plain dicts, lists and scalars, as JSON would show it."""
    return msgspec.to_builtins(message)


def from_builtins(value: object, kind: type[T]) -> T:
    """Plain dicts, lists and scalars as `kind`.

    Raises:
        InputError: `value` is not a `kind`; the message names the field.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"not a valid {kind.__name__}: {error}") from error


def base64_text(raw: bytes) -> str:
    """`raw` as base64 text, for JSON."""
    return base64.b64encode(raw).decode("ascii")


def _json_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    decoder = _JSON_DECODERS.get(kind)
    if decoder is None:
        decoder = _JSON_DECODERS[kind] = msgspec.json.Decoder(kind)
    return decoder


def _msgpack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    decoder = _MSGPACK_DECODERS.get(kind)
    if decoder is None:
        decoder = _MSGPACK_DECODERS[kind] = msgspec.msgpack.Decoder(kind)
    return decoder
