"""Why a whole message, or one reading of it, cannot be decoded: reasons from the closed list, whatever the form it came in."""

from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import is_clean
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import MAX_BATCH_READINGS
from tidegate.errors import InputError, SchemaVersionError
from tidegate.ports import Record


class Unusable(Exception):  # noqa: N818 - control flow inside decoding, not an error of ours
    """Ends the decoding of a message that accounts for `readings` readings."""

    def __init__(self, reason: DeadLetterReason, message: str, readings: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.readings = readings


def unusable(error: InputError) -> Unusable:
    """What a decoder's `error` means: another version, the wrong shape, or not even the encoding that was declared."""
    if isinstance(error, SchemaVersionError):
        return Unusable(DeadLetterReason.UNKNOWN_SCHEMA_VERSION, error.message)
    cause = type(error.__cause__).__name__
    shaped = error.__cause__ is None or cause == "ValidationError"  # msgspec's word for well encoded and of the wrong shape
    return Unusable(DeadLetterReason.SCHEMA_MISMATCH if shaped else DeadLetterReason.NOT_JSON, error.message)


def too_large(count: int) -> Unusable:
    """A batch of more than `MAX_BATCH_READINGS`."""
    message = f"{count} readings, expected at most {MAX_BATCH_READINGS}"
    return Unusable(DeadLetterReason.BATCH_TOO_LARGE, message, count)


def check_count(count: int) -> None:
    """Raise `Unusable` for an empty batch and for one that is too large."""
    if count == 0:
        raise Unusable(DeadLetterReason.BATCH_EMPTY, "a batch holds no reading, expected at least 1")
    if count > MAX_BATCH_READINGS:
        raise too_large(count)


def check_partition(site: str, record: Record, partitions: int, readings: int = 1) -> None:
    """Raise `Unusable` when `site` is no clean id, or `record` is not in its partition."""
    if not is_clean(site):
        message = f"site id {site[:64]!r} has control characters, surrounding blanks or more than 128 characters"
        raise Unusable(DeadLetterReason.BAD_IDENTIFIER, message, readings)
    expected = partition_of(site, partitions)
    if record.partition != expected:
        # Served here, the site would have two owners: this worker and the one that owns its partition.
        message = (
            f"site {site!r} belongs to partition {expected} of {partitions} (murmur2 of the site id), not {record.partition}"
        )
        raise Unusable(DeadLetterReason.WRONG_PARTITION, message, readings)
