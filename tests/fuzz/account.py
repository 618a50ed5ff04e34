"""What a batch must come to: every message accounted for, every number finite, every fact readable."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from tidegate.contracts import topics
from tidegate.contracts.codec import decode, to_builtins, unpack
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.ids import CommandId
from tidegate.contracts.schemas import MESSAGES
from tidegate.contracts.scores import ScoreBatch
from tidegate.contracts.views import Balance
from tidegate.core.partition import Partition
from tidegate.pipeline.decode import decode_telemetry
from tidegate.pipeline.decode_words import decode_acks, decode_commands
from tidegate.pipeline.step import Step
from tidegate.ports import Outgoing, Record

_KINDS = {
    topics.ANOMALIES: MESSAGES["anomaly"],
    topics.INCIDENTS: MESSAGES["incident"],
    topics.FORECASTS: MESSAGES["forecast"],
    topics.DECISIONS: MESSAGES["decision"],
    topics.ASSIGNMENTS: MESSAGES["assignment"],
    topics.OUTCOMES: MESSAGES["command-outcome"],
    topics.DEADLETTER: MESSAGES["dead-letter"],
    topics.JOURNAL: MESSAGES["journal-record"],
}


@dataclass(frozen=True, slots=True)
class Before:
    """A partition before a step: its balance, and which commands it had seen, for a repeat is not answered again."""

    balance: Balance
    seen: frozenset[CommandId]


def look(partition: Partition, records: Sequence[Record]) -> Before:
    """What has to be known before `partition` takes `records`: it forgets old commands while it takes new ones."""
    commands = decode_commands([record for record in records if record.topic == topics.COMMANDS], 1).messages
    return Before(partition.balance, frozenset(one.id for one in commands if partition.allocator.has_seen(one)))


def unaccounted(records: Sequence[Record], step: Step, before: Before, partition: Partition) -> list[str]:
    """What of `records` left no trace in `step` or in the balance, in words; each record is decoded once more, alone."""
    telemetry = [record for record in records if record.topic == topics.TELEMETRY]
    alone = [decode_telemetry([record], 1) for record in telemetry]
    weights = [len(one.readings) + sum(letter.readings for letter in one.letters) for one in alone]
    missing = [
        f"offset {record.offset} of telemetry became nothing"
        for record, weight in zip(telemetry, weights, strict=True)
        if not weight
    ]
    moved = [now - then for now, then in zip(astuple(partition.balance), astuple(before.balance), strict=True)]
    received, scored, duplicate, quarantined, dead_lettered = moved
    if received != sum(weights):
        missing.append(f"{received} readings received of {sum(weights)}")
    if received != scored + duplicate + quarantined + dead_lettered:
        missing.append(f"{received} received, but {scored} scored + {duplicate} + {quarantined} + {dead_lettered}")
    told = sum(letter.readings for letter in step.letters if letter.topic == topics.TELEMETRY)
    if told != quarantined + dead_lettered:
        missing.append(f"letters of {told} readings, for {quarantined} quarantined and {dead_lettered} dead-lettered")
    return missing + _words(records, step, before.seen)


def _words(records: Sequence[Record], step: Step, seen: frozenset[CommandId]) -> list[str]:
    commands = decode_commands([record for record in records if record.topic == topics.COMMANDS], 1)
    acks = decode_acks([record for record in records if record.topic == topics.ACKS], 1)
    answered = seen | {outcome.command for outcome in step.facts.outcomes}
    silent = [command for command in commands.messages if command.id not in answered]
    missing = [f"command {command.id!r} got no answer" for command in silent]
    for topic, words, refused in ((topics.COMMANDS, commands, 0), (topics.ACKS, acks, len(step.facts.ack_rejections))):
        letters: list[DeadLetter] = [letter for letter in step.letters if letter.topic == topic]
        if len(letters) != len(words.letters) + refused:
            missing.append(f"{len(letters)} letters for {len(words.letters)} undecodable and {refused} refused of {topic}")
    return missing


def not_finite(step: Step) -> list[str]:
    """Facts in which a number is infinite or none at all; JSON would say null for it."""
    facts = step.facts
    said = [*facts.anomalies, *facts.incidents, *facts.forecasts, *facts.decisions, *facts.assignments]
    return [repr(fact)[:500] for fact in said if not _finite(to_builtins(fact))]


def unreadable(outputs: Sequence[Outgoing]) -> list[str]:
    """Outputs that do not decode as what their topic holds."""
    found = []
    for output in outputs:
        try:
            if output.topic == topics.SCORES:
                unpack(output.value or b"", ScoreBatch)
            else:
                decode(output.value or b"", _KINDS[output.topic])
        except Exception as error:  # whatever it is, a reader of the topic has it too
            found.append(f"{output.topic}: {error!r}"[:500])
    return found


def _finite(part: Any) -> bool:
    if isinstance(part, float):
        return math.isfinite(part)
    if isinstance(part, dict):
        return all(map(_finite, part.values()))
    return all(map(_finite, part)) if isinstance(part, list) else True
