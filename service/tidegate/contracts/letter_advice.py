"""What each reason of a dead letter means, and what to do about it: said by the command line, listed in docs/dead-letters.md."""

from typing import Final

from tidegate.contracts.deadletter import DeadLetterReason as Reason

ADVICE: Final[dict[Reason, tuple[str, str]]] = {
    Reason.NOT_JSON: (
        "The bytes are no message of ours.",
        "Correct the producer; a replay fails again.",
    ),
    Reason.SCHEMA_MISMATCH: (
        "A field is missing, or has the wrong type or length.",
        "Correct the producer; a replay fails again.",
    ),
    Reason.UNKNOWN_SCHEMA_VERSION: (
        "The message carries a schema version that this release does not know.",
        "Upgrade Tidegate, then replay.",
    ),
    Reason.MESSAGE_TOO_LARGE: (
        "The message is above 8 MiB, an ack above 64 KiB.",
        "Send smaller batches; only the head is kept, so send the readings again from their source.",
    ),
    Reason.BATCH_EMPTY: ("A batch without readings.", "Nothing is lost; correct the producer."),
    Reason.BATCH_TOO_LARGE: (
        "More than 10,000 readings in a batch.",
        "Send smaller batches, and these readings again from their source; a replay fails again.",
    ),
    Reason.MIXED_SITES: (
        "A batch holds readings of several sites, which belong to several partitions.",
        "Batch by site; a replay fails again.",
    ),
    Reason.WRONG_PARTITION: (
        "The record is not in the partition of its site.",
        "Let the producer choose by murmur2 of the site id, then replay: a replay goes to the right partition.",
    ),
    Reason.BAD_IDENTIFIER: (
        "An id has control characters, surrounding blanks or more than 128 characters.",
        "Correct the id at its source; a replay fails again.",
    ),
    Reason.UNKNOWN_PROFILE: ("No such profile is set up.", "Add the profile, restart, then replay."),
    Reason.PROFILE_CHANGED: (
        "The device came with another profile before.",
        "Give a device with a new profile a new id, or correct its producer.",
    ),
    Reason.NO_KNOWN_METRIC: (
        "None of the metrics is of the profile.",
        "Add them to the profile and restart, then replay; or correct the producer.",
    ),
    Reason.VALUE_OUT_OF_BOUNDS: (
        "A value is not finite, or beyond 1e15.",
        "Correct the device; a replay fails again.",
    ),
    Reason.TOO_LATE: (
        "The reading is older than what its device said last, by more than its profile waits.",
        "Nothing to replay: the device's state is past it. Look for slow links, or let the profile wait longer.",
    ),
    Reason.CLOCK_AHEAD: (
        "The device's clock is ahead of ours.",
        "Set its clock. A replay is taken once our time has passed the reading's.",
    ),
    Reason.CLOCK_IMPLAUSIBLE: (
        "The event time cannot be: the clock was never set.",
        "Set the device's clock; a replay fails again.",
    ),
    Reason.TOO_MANY_DEVICES: (
        "The partition has as many devices as it may.",
        "Raise the limit or add partitions, then replay.",
    ),
    Reason.COMMAND_INVALID: ("The command breaks a rule of its own.", "Correct it and send it with a new id."),
    Reason.ACK_INVALID: ("The ack breaks a rule of its own.", "Correct the gateway's software."),
    Reason.ACK_UNKNOWN: (
        "The ack names a gateway, device or epoch that the site does not know.",
        "Correct the gateway, or set the topology; its next ack makes up for this one.",
    ),
    Reason.POISON: (
        "Taken alone, it made the core fail twice, or the process end five times.",
        "A bug of ours: report it with the letter and the log. Replay after the upgrade that mends it.",
    ),
}
"""Meaning and what to do, by reason; every reason has a row."""
