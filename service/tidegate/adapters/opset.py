"""The opset of an ONNX file, read straight from its protobuf: ONNX Runtime does not tell, and the `onnx` package is training's.

Reads only `ModelProto.opset_import` (field 8) and of it the default domain's `version` (field 2); all else is skipped.
"""

from collections.abc import Iterator
from typing import Final

_OPSET_IMPORT: Final = 8
_DOMAIN: Final = 1
_VERSION: Final = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def opset_version(model: bytes) -> int | None:
    """The opset of ONNX's own domain that `model` was written for; null when `model` is not an ONNX file or names none."""
    try:
        imports = [dict(_fields(value)) for field, value in _fields(model) if field == _OPSET_IMPORT and isinstance(value, bytes)]
    except (IndexError, ValueError):
        return None
    versions = (fields.get(_VERSION) for fields in imports if fields.get(_DOMAIN, b"") in (b"", b"ai.onnx"))
    return next((version for version in versions if isinstance(version, int)), None)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value: int | bytes
        if tag & 7 == _VARINT:
            value, at = _varint(message, at)
        else:
            size, at = _size(message, at, tag & 7)
            value, at = message[at : at + size], at + size
        if at > len(message):
            raise ValueError("the message ends within a field")
        yield tag >> 3, value


def _size(message: bytes, at: int, wire_type: int) -> tuple[int, int]:
    if wire_type == _BYTES:
        return _varint(message, at)
    if wire_type in (_FIXED64, _FIXED32):
        return (8 if wire_type == _FIXED64 else 4), at
    raise ValueError(f"wire type {wire_type} is not of this format")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")
