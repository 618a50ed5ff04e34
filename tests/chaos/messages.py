"""The stream of messages: readings in batches, and now and then what producers do wrong, drawn from the seed."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count, cycle
from typing import Final

from chaos.fleet import Source
from chaos.malformed import malformed
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import encode
from tidegate.contracts.content import ContentType, header
from tidegate.contracts.ids import ProfileName, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.topics import ACKS, COMMANDS, TELEMETRY
from tidegate.fleet import forms
from tidegate.fleet.forms import Form
from tidegate.fleet.placement import set_topology

NUMBER: Final = "chaos-number"
"""Header with the message's number: by it, what was sent is found again on the topic."""

BATCH_READINGS: Final = 40

FORMS: Final = (Form.BATCH, Form.PACKED)
"""In turn."""


BATCHES_PER_HEARTBEAT: Final = 5


class Mischief(StrEnum):
    """What producers do wrong."""

    DUPLICATED = "duplicated"
    """The message is sent a second time, soon."""
    REORDERED = "reordered"
    """The site's next message or two overtake it."""
    LATE = "late"
    """It comes long after its time."""
    MALFORMED = "malformed"
    """A message that nobody can use comes in between."""


RATIOS: Final = {Mischief.DUPLICATED: 0.04, Mischief.REORDERED: 0.04, Mischief.LATE: 0.02, Mischief.MALFORMED: 0.04}
"""Share of messages that each befalls."""

OVERTAKEN_BY: Final = (8, 20)
"""A reordered message is held back for so many others: of eight sites, its own is among them once or twice."""

LATE_MESSAGES: Final = (30, 120)
"""A late message is held back for so many others, of all sites."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record to send. `readings` is what it counts in the balance; 0 on other topics than telemetry."""

    number: int
    topic: str
    partition: int
    site: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    readings: int = 0
    mischief: Mischief | None = None


def messages(source: Source, seed: int, partitions: int) -> Iterator[Message]:
    """Topologies, then readings and words of gateways, with mischief; numbered in the order of their making."""
    numbers = count()
    for topology in source.topologies:
        site = topology.site
        value = encode(set_topology(topology))
        yield Message(next(numbers), COMMANDS, partition_of(site, partitions), site, value)
    plain = _plain(source, numbers, partitions)
    yield from _disturbed(plain, random.Random(f"mischief {seed}"), numbers, partitions)


def _plain(source: Source, numbers: Iterator[int], partitions: int) -> Iterator[Message]:
    """Batches of readings, and now and then a word of one of the site's gateways."""
    gateways = {topology.site: cycle([gateway.id for gateway in topology.gateways]) for topology in source.topologies}
    for place, batch in enumerate(_batches(source.readings)):
        partition = partition_of(batch.site, partitions)
        content_type, [value] = forms.messages(batch, FORMS[place % len(FORMS)])
        yield Message(next(numbers), TELEMETRY, partition, batch.site, value, header(content_type), len(batch.readings))
        if place % BATCHES_PER_HEARTBEAT == 0:
            said = Ack(batch.site, next(gateways[batch.site]), AckKind.HEARTBEAT, batch.readings[-1].event_time_ms)
            yield Message(next(numbers), ACKS, partition, batch.site, encode(said))


def _batches(readings: Iterator[Reading]) -> Iterator[ReadingBatch]:
    """Of one site and profile each, as a packed batch must be."""
    waiting: dict[tuple[SiteId, ProfileName], list[Reading]] = {}
    for reading in readings:
        batch = waiting.setdefault((reading.site, reading.profile), [])
        batch.append(reading)
        if len(batch) == BATCH_READINGS:
            yield ReadingBatch(reading.site, waiting.pop((reading.site, reading.profile)))


def _disturbed(plain: Iterator[Message], draw: random.Random, numbers: Iterator[int], partitions: int) -> Iterator[Message]:
    held: list[tuple[int, int, Message]] = []
    for place, message in enumerate(plain):
        mischief = draw.choices([None, *RATIOS], [1 - sum(RATIOS.values()), *RATIOS.values()])[0]
        marked = replace(message, mischief=mischief)
        match mischief:
            case Mischief.REORDERED:
                heapq.heappush(held, (place + draw.randint(*OVERTAKEN_BY), message.number, marked))
            case Mischief.LATE:
                heapq.heappush(held, (place + draw.randint(*LATE_MESSAGES), message.number, marked))
            case Mischief.DUPLICATED:
                heapq.heappush(held, (place + draw.randint(1, 20), message.number, marked))
                yield message
            case Mischief.MALFORMED:
                yield message
                yield _malformed(draw, next(numbers), message, partitions)
            case None:
                yield message
        while held and held[0][0] <= place:
            yield heapq.heappop(held)[2]


def _malformed(draw: random.Random, number: int, after: Message, partitions: int) -> Message:
    value, partition = malformed(draw, after.site, after.partition, partitions)
    return Message(number, TELEMETRY, partition, after.site, value, header(ContentType.BATCH), 1, Mischief.MALFORMED)
