"""Request bodies: read within bounds, of a kind we know. Says no before memory is spent, not after."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fastapi import Request

from tidegate.api.dependencies import Door
from tidegate.api.errors import BodyTooLargeError, BodyTooSlowError, MediaTypeError
from tidegate.contracts.content import HEADER, media_type

JSON = "application/json"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Of UTF-8; JSON need not have one, and some clients send it."""


@asynccontextmanager
async def body_of_kind(request: Request, door: Door, kinds: Collection[str]) -> AsyncIterator[tuple[str, bytes]]:
    """The media type of `request`, one of `kinds`, and its raw body; holds a place at the door until the end.

    Raises:
        MediaTypeError: not declared as one of `kinds`, or compressed.
        BodyTooLargeError: more than the limit, declared or sent; the rest is not read.
        BodyTooSlowError: it did not arrive in time.
    """
    limits = door.ports.limits
    kind = _kind(request, kinds)
    _check_declared_length(request, limits.max_body_bytes)
    async with door.places:
        try:
            async with asyncio.timeout(limits.body_seconds):
                body = await _read(request, limits.max_body_bytes)
        except TimeoutError:
            raise BodyTooSlowError(f"the body did not arrive within {limits.body_seconds:g} s") from None
        yield kind, body


@asynccontextmanager
async def json_body(request: Request, door: Door) -> AsyncIterator[bytes]:
    """The raw body of `request`, JSON by its headers, without a byte order mark. Raises as `body_of_kind`."""
    async with body_of_kind(request, door, (JSON,)) as (_, body):
        yield body.removeprefix(BYTE_ORDER_MARK)


def too_large(what: str, max_bytes: int) -> BodyTooLargeError:
    """The refusal of a body that has `what`."""
    return BodyTooLargeError(f"the body has {what}, expected at most {max_bytes} bytes", advice="send it in smaller batches")


async def _read(request: Request, max_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large(f"more than {max_bytes} bytes", max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _kind(request: Request, kinds: Collection[str]) -> str:
    declared = request.headers.get(HEADER, "")
    kind = media_type(declared)
    if kind not in kinds:
        expected = " or ".join(map(repr, kinds))
        raise MediaTypeError(
            f"content-type is {declared[:100]!r}, expected {expected}", advice=f"send Content-Type: {next(iter(kinds))}"
        )
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise MediaTypeError(f"content-encoding {encoding[:100]!r} is not read", advice="send the body uncompressed")
    return kind


def _check_declared_length(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise too_large(f"{declared[:20]} bytes", max_bytes)
