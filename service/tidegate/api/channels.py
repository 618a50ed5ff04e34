"""Every topic as a channel: its key, who writes it, its messages in which form, and an example of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate import __version__
from tidegate.api import examples, examples_detection
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.codec import to_builtins, unpack
from tidegate.contracts.command import Command
from tidegate.contracts.content import ContentType
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.journal import JournalRecord, OffsetRange
from tidegate.contracts.letters import NOTE_TYPE, LetterReplayed
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.packed import PackedBatch
from tidegate.contracts.packing import to_packed
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.scores import ScoreBatch
from tidegate.contracts.snapshot import SnapshotChunk
from tidegate.contracts.version import STATE_VERSION

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"


@dataclass(frozen=True, slots=True)
class Message:
    """A kind of record: the type it is, its encoding, and examples by name. `declared`: the content type is in a header."""

    kind: type
    content_type: str
    summary: str
    examples: dict[str, Any] = field(default_factory=dict)
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic. `received` by Tidegate, or sent by it; `internal` ones are for Tidegate alone."""

    topic: str
    key: str
    messages: Sequence[Message]
    received: bool = False
    internal: bool = False


def _one(kind: type, summary: str, example: object) -> Message:
    return Message(kind, JSON, summary, {kind.__name__: to_builtins(example)})


def _declared(kind: type, content_type: str, summary: str, example: object) -> Message:
    return Message(kind, content_type, summary, {kind.__name__: to_builtins(example)}, declared=True)


_BATCH: Final = ReadingBatch(examples.READING.site, [examples.READING])
_PACKED: Final = unpack(to_packed(_BATCH)[0], PackedBatch)
_OUTCOME: Final = CommandOutcome(
    examples.COMMAND.id,
    examples.COMMAND.site,
    examples.COMMAND.kind,
    examples.COMMAND.issued_by,
    False,
    examples.COMMAND.reason,
    examples.READING.event_time_ms,
)
_JOURNALED: Final = JournalRecord(
    partition=0,
    sequence=5_210,
    tick_ms=examples.READING.event_time_ms,
    inputs=[OffsetRange(topics.TELEMETRY, 1_207, 1_208)],
    configuration_digest="77aa",
    bundles={"universal": examples.ANOMALY.bundle},
    code_version=__version__,
)
_CHUNK: Final = SnapshotChunk(0, 5_210, 0, 1, {topics.TELEMETRY: 1_208}, STATE_VERSION, "e7f1", b"\x80")

CHANNELS: Final = (
    Channel(
        topics.TELEMETRY,
        "the site",
        (
            _declared(Reading, ContentType.READING, "one reading", examples.READING),
            _declared(ReadingBatch, ContentType.BATCH, "readings of one site", _BATCH),
            _declared(PackedBatch, ContentType.PACKED, "readings of one site and profile as columns", _PACKED),
        ),
        received=True,
    ),
    Channel(
        topics.COMMANDS,
        "the site",
        (Message(Command, JSON, "what is asked of a site", examples.COMMAND_BODIES),),
        received=True,
    ),
    Channel(
        topics.ACKS,
        "the site",
        (Message(Ack, JSON, "a gateway's word", {k: v for k, v in examples.ACK_BODIES.items() if isinstance(v, dict)}),),
        received=True,
    ),
    Channel(topics.ANOMALIES, "site/device", (_one(Anomaly, "a fact in an anomaly's life", examples.ANOMALY),)),
    Channel(topics.INCIDENTS, "site/incident", (_one(Incident, "anomalies with a common cause", examples.INCIDENT),)),
    Channel(topics.FORECASTS, "site/device", (_one(Forecast, "what a device needs, now and soon", examples.FORECAST),)),
    Channel(
        topics.SCORES,
        "the site",
        (Message(ScoreBatch, MSGPACK, "how devices scored, sampled", {"ScoreBatch": to_builtins(examples_detection.SCORES)}),),
    ),
    Channel(topics.DECISIONS, "site/plan", (_one(Decision, "a fact in a plan's life", examples.FACT),)),
    Channel(topics.ASSIGNMENTS, "site/device", (_one(Assignment, "who serves a device", examples.ASSIGNMENT),)),
    Channel(topics.OUTCOMES, "the site", (_one(CommandOutcome, "what became of a command", _OUTCOME),)),
    Channel(
        topics.DEADLETTER,
        "topic/offset/index of the input, or the letter's id",
        (
            _one(DeadLetter, "input that could not be used, and why", examples.DEAD_LETTER),
            _declared(LetterReplayed, NOTE_TYPE, "that a letter was sent again", examples.REPLAY_NOTE),
        ),
    ),
    Channel(topics.JOURNAL, "the partition", (_one(JournalRecord, "a committed batch", _JOURNALED),), internal=True),
    Channel(
        topics.SNAPSHOTS,
        "partition/generation/chunk",
        (Message(SnapshotChunk, MSGPACK, "a piece of a partition's state", {"SnapshotChunk": to_builtins(_CHUNK)}),),
        internal=True,
    ),
)
"""All topics, in the order in which data flows."""
