"""Facts to records: which topic, which key, which bytes. Keys are as in the design's table of topics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.contracts import topics
from tidegate.contracts.codec import encode, pack
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.journal import JournalRecord
from tidegate.core.partition import Facts
from tidegate.ports import Outgoing


@dataclass(frozen=True, slots=True)
class FactEncoder:
    """Encodes everything one partition says, onto that partition of each topic."""

    partition: int

    def facts(self, facts: Facts) -> list[Outgoing]:
        """One record per fact, in the order in which a reader should see them."""
        records = [self._record(topics.OUTCOMES, f.site, f) for f in facts.outcomes]
        records += [self._record(topics.ANOMALIES, _key(f.site, f.device), f) for f in facts.anomalies]
        records += [self._record(topics.INCIDENTS, _key(f.site, f.id), f) for f in facts.incidents]
        records += [self._record(topics.FORECASTS, _key(f.site, f.device), f) for f in facts.forecasts]
        records += [Outgoing(topics.SCORES, self.partition, f.site.encode(), pack(f)) for f in facts.scores]
        records += [self._record(topics.DECISIONS, _key(f.site, f.plan_id), f) for f in facts.decisions]
        records += [self._record(topics.ASSIGNMENTS, _key(f.site, f.device), f) for f in facts.assignments]
        return records

    def letters(self, letters: Iterable[DeadLetter]) -> list[Outgoing]:
        """One record per dead letter, keyed by where it came from."""
        return [
            self._record(topics.DEADLETTER, f"{letter.topic}/{letter.offset}/{letter.index or 0}", letter) for letter in letters
        ]

    def journal(self, record: JournalRecord) -> Outgoing:
        """The journal's record, keyed by partition."""
        return self._record(topics.JOURNAL, str(self.partition), record)

    def snapshot(self, chunks: Sequence[bytes], generation: int) -> list[Outgoing]:
        """Packed snapshot chunks; two generations alternate in the compacted topic, so that a torn one leaves the other."""
        keys = [f"{self.partition}/{generation % 2}/{index}".encode() for index in range(len(chunks))]
        return [Outgoing(topics.SNAPSHOTS, self.partition, key, chunk) for key, chunk in zip(keys, chunks, strict=True)]

    def _record(self, topic: str, key: str, fact: object) -> Outgoing:
        return Outgoing(topic, self.partition, key.encode(), encode(fact))


def _key(site: str, rest: str) -> str:
    """`site/rest`, with slashes inside the site escaped: two devices must never share a key of a compacted topic."""
    return f"{site.replace('%', '%25').replace('/', '%2F')}/{rest}"
