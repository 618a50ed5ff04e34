"""Telemetry bodies to one record: a batch object, a bare list of readings, a single reading, or a packed batch, all of one site.

Checks structure only (types, required fields, bounds of a batch); whether a reading can be believed is the worker's to
say. The bytes of a valid body go on unchanged, wrapped if need be: encoding 1,000 readings again would cost as much as
decoding them did.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tidegate.contracts.codec import decode, encode
from tidegate.contracts.columns import row_faults, unpack_batch
from tidegate.contracts.content import ContentType
from tidegate.contracts.ids import SiteId, is_clean
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import InputError, SchemaVersionError


@dataclass(frozen=True, slots=True)
class Intake:
    """A body that may go on the log: its site, how many readings, and the bytes of a batch in this form."""

    site: SiteId
    count: int
    payload: bytes
    form: ContentType = ContentType.BATCH


def take_in(body: bytes) -> Intake:
    """Decode `body` and give back what to append.

    Raises:
        InputError: not JSON, a wrong or missing field (named with its index), no reading, too many, or more than one site.
        SchemaVersionError: the batch or a reading has a version this release does not know.
    """
    if body.lstrip()[:1] == b"[":
        return _from_list(body)
    try:
        batch = decode(body, ReadingBatch)
    except InputError:
        if _is_batch(body):
            raise
        return _from_reading(body)
    _check(batch.site, batch.readings, "$.readings[{}]")
    return Intake(batch.site, len(batch.readings), body)


def take_in_packed(body: bytes) -> Intake:
    """Decode the packed batch `body`, and give back what to append: itself.

    Raises:
        InputError: no packed batch, or one of its rows is no reading; names the column and the row.
        SchemaVersionError: a version this release does not know.
    """
    columns = unpack_batch(body)
    _check_frame(columns.site, len(columns))
    for fault in row_faults(columns):
        raise InputError(f"{fault.message} - at `$.{fault.column}[{fault.row}]`")
    return Intake(columns.site, len(columns), body, ContentType.PACKED)


class _Frame(msgspec.Struct):
    readings: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _is_batch(body: bytes) -> bool:
    """Whether the object has `readings`: asked only of what is no batch, so that a good batch is not scanned twice."""
    try:
        return msgspec.json.decode(body, type=_Frame).readings is not msgspec.UNSET
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True  # decoding it as a batch will say what is wrong


def _from_list(body: bytes) -> Intake:
    readings = decode(body, list[Reading])
    if not readings:
        raise _empty()
    site = readings[0].site
    _check(site, readings, "$[{}]")
    return Intake(site, len(readings), _wrap(site, body))


def _from_reading(body: bytes) -> Intake:
    reading = decode(body, Reading)
    _check(reading.site, [reading], "$")
    return Intake(reading.site, 1, _wrap(reading.site, b"[" + body + b"]"))


def _wrap(site: SiteId, readings: bytes) -> bytes:
    return b'{"site":%b,"readings":%b,"schema_version":%d}' % (encode(site), readings, SCHEMA_VERSION)


def _check(site: SiteId, readings: Sequence[Reading], path: str) -> None:
    _check_frame(site, len(readings))
    for index, reading in enumerate(readings):
        if reading.site != site or reading.schema_version != SCHEMA_VERSION:
            raise _refusal(site, reading, path.format(index))


def _check_frame(site: SiteId, count: int) -> None:
    if count == 0:
        raise _empty()
    if count > MAX_BATCH_READINGS:
        raise InputError(f"{count} readings, expected at most {MAX_BATCH_READINGS}", advice="send them in smaller batches")
    if not is_clean(site):
        raise InputError(f"site {site!r} has control characters or surrounding blanks", advice="correct the site id")


def _empty() -> InputError:
    return InputError(f"no reading, expected 1 to {MAX_BATCH_READINGS}", advice="send at least one reading")


def _refusal(site: SiteId, reading: Reading, path: str) -> InputError:
    if reading.site != site:
        return InputError(
            f"mixed sites: expected {site!r}, got {reading.site!r} - at `{path}.site`",
            advice="send one request per site: each site has its own partition",
        )
    return SchemaVersionError(
        f"expected schema version {SCHEMA_VERSION}, got {reading.schema_version} - at `{path}.schema_version`"
    )
