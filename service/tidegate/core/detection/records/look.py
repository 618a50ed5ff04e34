"""A look at a classified device after its last record, and its reasons in words. Changes nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Reason
from tidegate.contracts.ids import MetricName
from tidegate.contracts.scores import ClassColumns
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.table import CLASS, RECORD_STREAMS, UNKNOWN

Int64 = NDArray[np.int64]

UNKNOWN_CLASS: Final = "unknown"
"""What a record is called that fits no class."""


@dataclass(frozen=True, slots=True)
class ClassLook:
    """The last record: its class `label` (null: it was not judged) and the likeliest class's `probability`; `unknown` fits none
    (`energy` below `known_limit`). By stream: `evidence` in nats, over how many records it has been `building`, −log10 p. The
    attack that is `named` by these records."""

    label: str | None
    probability: float
    energy: float
    known_limit: float
    named: str
    evidence: tuple[float, ...]
    building: tuple[int, ...]
    rarity: tuple[float, ...]

    @property
    def unknown(self) -> bool:
        """Whether the last record fits no class."""
        return self.label is None or self.label == UNKNOWN_CLASS


def class_columns(lane: RecordLane, entries: Int64) -> ClassColumns:
    """What is known of the classes of devices `entries`, for a sample."""
    rows, attacks = lane.rows, lane.classes.attacks
    named = np.where(attacks, rows.mass[entries], -1.0).argmax(axis=1).tolist()
    judged = ~np.isnan(rows.probability[entries])
    label = zip(rows.label[entries].tolist(), judged.tolist(), strict=True)
    return ClassColumns(
        label=[lane.class_name(code) if known else None for code, known in label],
        probability=rows.probability[entries].tolist(),
        energy=rows.energy[entries].tolist(),
        named=[lane.classes.names[code] for code in named],
        known_limit=lane.classes.known_limit,
        evidence=rows.evidence[entries].tolist(),
        building=rows.building[entries].tolist(),
        rarity=rows.rarity[entries].tolist(),
    )


def class_look(columns: ClassColumns) -> ClassLook:
    """The one device of `columns`."""
    return ClassLook(
        label=columns.label[0],
        probability=columns.probability[0],
        energy=columns.energy[0],
        known_limit=columns.known_limit,
        named=columns.named[0],
        evidence=tuple(columns.evidence[0]),
        building=tuple(columns.building[0]),
        rarity=tuple(columns.rarity[0]),
    )


def class_reasons(look: ClassLook, least: float) -> Iterator[Reason]:
    """What the streams of records say, where it is rarer than `least` (−log10 p)."""
    words = {CLASS: (_attack_words(look), look.named), UNKNOWN: (_unknown_words(look), UNKNOWN_CLASS)}
    for stream, (text, name) in words.items():
        rarity = look.rarity[stream]
        if rarity > least:
            yield Reason(RECORD_STREAMS[stream], None, look.evidence[stream], 0.0, None, None, rarity, text, class_name=name)


def class_why_not(look: ClassLook) -> str | None:
    """What keeps the last record from counting, in words; null when nothing does."""
    if look.label is None:
        return "no record could be judged: none came yet, fewer than half of its columns were there, or the model has no answer"
    if look.unknown:
        return (
            f"the last record fits no class that the model knows (energy {look.energy:.2f}, known from {look.known_limit:.2f}): "
            "it counts neither as attack nor as ordinary"
        )
    return None


def _attack_words(look: ClassLook) -> str:
    built = f"evidence has been building up for {_records(look.building[CLASS])}"
    if look.label == look.named:
        return f"classified as {look.named} with {_share(look.probability)}; {built}"
    last = "fits no known class" if look.unknown else f"is {look.label} with {_share(look.probability)}"
    return f"classified as {look.named} lately, the last record {last}; {built}"


def _unknown_words(look: ClassLook) -> str:
    """In words."""
    last = f"energy {look.energy:.2f}, known from {look.known_limit:.2f}"
    return (
        f"records fit no class that the model knows (the last one: {last}); "
        f"evidence has been building up for {_records(look.building[UNKNOWN])}"
    )


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"


def _share(probability: float) -> str:
    """Two digits, never quite 1: a softmax is never sure.

    >>> _share(0.99999)
    '.99'
    """
    return f"{min(max(math.floor(100.0 * probability) / 100.0, 0.0), 0.99):.2f}".removeprefix("0")


def last_values(lane: RecordLane, entry: int) -> dict[MetricName, float | None]:
    """The last record by its columns; null: missing."""
    values = lane.rows.record[entry].tolist()
    return {
        name: None if math.isnan(value) else value for name, value in zip(lane.classifier.manifest.metrics, values, strict=True)
    }
