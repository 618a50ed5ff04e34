"""Dead letters: input we could not use, kept with its reason, its coordinates and its original bytes."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tidegate.contracts.version import SCHEMA_VERSION


class DeadLetterReason(StrEnum):
    """Why. A closed list: metrics label by it and replay filters by it.

    `not-json` is said of any bytes that are not in the encoding they are declared in: no JSON, or no MessagePack.
    """

    NOT_JSON = "not-json"
    SCHEMA_MISMATCH = "schema-mismatch"
    UNKNOWN_SCHEMA_VERSION = "unknown-schema-version"
    MESSAGE_TOO_LARGE = "message-too-large"
    BATCH_EMPTY = "batch-empty"
    BATCH_TOO_LARGE = "batch-too-large"
    MIXED_SITES = "mixed-sites"
    WRONG_PARTITION = "wrong-partition"
    BAD_IDENTIFIER = "bad-identifier"
    UNKNOWN_PROFILE = "unknown-profile"
    PROFILE_CHANGED = "profile-changed"
    NO_KNOWN_METRIC = "no-known-metric"
    VALUE_OUT_OF_BOUNDS = "value-out-of-bounds"
    TOO_LATE = "too-late"
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_IMPLAUSIBLE = "clock-implausible"
    TOO_MANY_DEVICES = "too-many-devices"
    COMMAND_INVALID = "command-invalid"
    ACK_INVALID = "ack-invalid"
    ACK_UNKNOWN = "ack-unknown"
    POISON = "poison"


QUARANTINE_REASONS: Final = frozenset({DeadLetterReason.CLOCK_AHEAD, DeadLetterReason.CLOCK_IMPLAUSIBLE})
"""Reasons that set a reading aside as *quarantined*: well formed, but its clock cannot be believed. All else is dead-lettered."""

MAX_ORIGINAL_BYTES: Final = 512 * 1024
"""Above this only the head of the original is kept, beside its full length and hash (design: topics)."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One unusable message, or one unusable reading of a batch (`index`).

    `original` is the message's bytes (msgpack: raw, JSON: base64), cut to `MAX_ORIGINAL_BYTES`; for a reading of a batch
    it is that reading alone, re-encoded. `original_sha256` and `original_size` are of the uncut bytes. `readings` is how
    many readings it accounts for in the balance (1 for an undecodable message). `headers` are the message's, bounded.
    `replays` is how often it had been replayed when it failed (0: it came from its producer), `replay_of` then says whose.
    """

    reason: DeadLetterReason
    message: str
    topic: str
    partition: int
    offset: int
    index: int | None
    readings: int
    site: str | None
    device: str | None
    received_at_ms: int
    original: bytes
    original_size: int
    original_sha256: str
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    replay_of: str | None = None
    replays: int = 0
    schema_version: int = SCHEMA_VERSION
