"""The promises, one function each: each returns what it found broken, in words. Pure: evidence in, findings out."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from chaos.evidence import Found, Producer
from chaos.messages import NUMBER, Message
from chaos.truth import Output
from tidegate.contracts.codec import decode
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.topics import ANOMALIES, ASSIGNMENTS, DEADLETTER, DECISIONS, INCIDENTS, OUTCOMES
from tidegate.contracts.views import Balance

IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    ANOMALIES: ("id", "version"),
    INCIDENTS: ("id", "version"),
    DECISIONS: ("plan_id", "version"),
    OUTCOMES: ("command",),
    DEADLETTER: ("topic", "partition", "offset", "index"),
}
"""Fields by which a fact of each topic is told from all others; no two records may agree in them."""


def journal_entries(journal: Sequence[Found]) -> list[JournalRecord]:
    """The journal of a partition, decoded."""
    return [decode(record.value, JournalRecord) for record in journal]


def passed_over(entries: Sequence[JournalRecord], inputs: Sequence[Found]) -> list[str]:
    """Input records that no batch took, though batches took later ones."""
    taken, ends = _times_taken(entries), _ends(entries)
    return [
        f"{r.topic}/{r.partition}@{r.offset} was never taken"
        for r in inputs
        if r.offset < ends.get(r.topic, 0) and not taken[r.topic, r.offset]
    ]


def waiting(entries: Sequence[JournalRecord], inputs: Sequence[Found]) -> list[str]:
    """Messages of ours after the last that any batch took: none, when the workers were left the time to take all.

    A plan that the planner sent in just before the end may wait.
    """
    ends = _ends(entries)
    return [
        f"{r.topic}/{r.partition}@{r.offset} still waits"
        for r in inputs
        if r.offset >= ends.get(r.topic, 0) and NUMBER in dict(r.headers)
    ]


def _ends(entries: Iterable[JournalRecord]) -> dict[str, int]:
    return {span.topic: span.end for entry in entries for span in entry.inputs}


def taken_twice(entries: Sequence[JournalRecord], inputs: Sequence[Found]) -> list[str]:
    """Input records that more than one batch took."""
    taken = _times_taken(entries)
    return [
        f"{r.topic}/{r.partition}@{r.offset} was taken {taken[r.topic, r.offset]} times"
        for r in inputs
        if taken[r.topic, r.offset] > 1
    ]


def set_aside(entries: Iterable[JournalRecord]) -> list[str]:
    """Inputs that a worker set aside as poison: none of ours is, whoever was killed over it."""
    return [f"{each} was set aside as poison" for entry in entries for each in entry.excluded]


def _times_taken(entries: Iterable[JournalRecord]) -> Counter[tuple[str, int]]:
    return Counter((span.topic, offset) for entry in entries for span in entry.inputs for offset in range(span.start, span.end))


def broken_sequence(entries: Sequence[JournalRecord]) -> list[str]:
    """Places where the journal does not go on by one, or its ticks go back: somebody else wrote in between."""
    first = [] if not entries or entries[0].sequence == 0 else [f"the journal begins at batch {entries[0].sequence}"]
    return first + [
        f"partition {b.partition}: batch {b.sequence} at {b.tick_ms} follows {a.sequence} at {a.tick_ms}"
        for a, b in pairwise(entries)
        if b.sequence != a.sequence + 1 or b.tick_ms < a.tick_ms
    ]


def returned_producers(wrote: Sequence[Producer]) -> list[str]:
    """Places where an earlier producer wrote after a later one had begun: two owners at once."""
    return [f"{after} wrote after {before}" for before, after in pairwise(wrote) if after < before]


def identities_twice(records: Iterable[Found]) -> list[str]:
    """Facts that stand on their topic more than once, by id and version."""
    seen = Counter(
        (record.topic, *(fact[name] for name in IDENTITY[record.topic]))
        for record in records
        if record.topic in IDENTITY
        for fact in [json.loads(record.value)]
    )
    return [f"{identity} stands {times} times" for identity, times in seen.items() if times > 1]


def missing(published: Iterable[Output], truth: Iterable[Output]) -> list[str]:
    """Outputs of the truth that are not on their topic."""
    return _shown(Counter(truth) - Counter(published), "is missing")


def doubled(published: Iterable[Output], truth: Iterable[Output]) -> list[str]:
    """Outputs of the truth that stand on their topic more often than they should."""
    known = Counter(truth)
    return _shown(Counter({each: n for each, n in (Counter(published) - known).items() if known[each]}), "stands once too often")


def invented(published: Iterable[Output], truth: Iterable[Output]) -> list[str]:
    """Outputs on their topics that the truth has nothing like."""
    known = set(truth)
    return _shown(Counter(each for each in published if each not in known), "is not in the truth")


def out_of_order(published: Sequence[Output], truth: Sequence[Output]) -> list[str]:
    """Topics on which the right outputs stand in another order."""
    topics = sorted({topic for topic, _, _ in truth})
    return [f"{topic} is in another order" for topic in topics if _of(topic, published) != _of(topic, truth)]


def _of(topic: str, outputs: Iterable[Output]) -> list[Output]:
    return [each for each in outputs if each[0] == topic]


def _shown(found: Counter[Output], what: str) -> list[str]:
    return [f"{topic} {(key or b'').decode(errors='replace')} {what}" for topic, key, _ in found.elements()]


def contradictions(records: Iterable[Found]) -> list[str]:
    """More than one digest of a plan, gateway of a device in one epoch, or grant of it at one moment (it may be renewed)."""
    words: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for record in records:
        if record.topic == DECISIONS:
            fact = json.loads(record.value)
            words["plan", fact["site"], fact["plan_id"]].add(fact["digest"])
        elif record.topic == ASSIGNMENTS:
            fact = json.loads(record.value)
            place = fact["site"], fact["device"], fact["epoch"]
            words["epoch", *place].add(json.dumps([fact["gateway"], fact["plan_id"]]))
            words["grant", *place, fact.get("granted_at_ms")].add(json.dumps(fact["grant"], sort_keys=True))
    return [f"{place} has {sorted(said)}" for place, said in words.items() if len(said) > 1]


def unbalanced(
    balances: Sequence[Balance], telemetry: Iterable[Found], sent: Mapping[int, Message], acknowledged: Iterable[int]
) -> list[str]:
    """Where the readings that came in are not all accounted for, or an acknowledged message is not on its topic at all."""
    numbers = Counter(number_of(record) for record in telemetry)
    came = sum(sent[number].readings * times for number, times in numbers.items())
    received = sum(balance.received for balance in balances)
    parts = sum(b.scored + b.duplicate + b.quarantined + b.dead_lettered for b in balances)
    findings = [] if received == came else [f"{came} readings came in, {received} were received"]
    findings += [] if parts == received else [f"{received} readings were received, {parts} are accounted for"]
    gone = [number for number in acknowledged if sent[number].readings and number not in numbers]
    return findings + [f"message {number} was acknowledged and is not on its topic" for number in gone]


def number_of(record: Found) -> int:
    """Which message a record is."""
    return int(dict(record.headers)[NUMBER])
