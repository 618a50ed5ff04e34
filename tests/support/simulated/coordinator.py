"""Who may write under a transactional id, and how its transactions end: Kafka's coordinator of transactions, and of offsets.

One transaction: EMPTY or ENDED → ONGOING (partitions and groups join) → ENDING (the outcome is decided and durable; markers
go to each participant, one by one, later) → ENDED. Taking the id over raises the epoch; an ongoing transaction is then
aborted under the raised epoch first, and whoever asks meanwhile is told to come back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from aiokafka.errors import ConcurrentTransactions, InvalidProducerEpoch, InvalidProducerIdMapping, InvalidTxnState

from support.simulated.batches import ABORT, COMMIT

Partition = tuple[str, int]
Mark = Callable[["Transactional", Partition | str], None]
"""Queues the marker of a transaction for one participant: a partition, or a group by its name."""


class Phase(Enum):
    """Where the current or last transaction of an id stands."""

    EMPTY = auto()
    ONGOING = auto()
    ENDING = auto()
    ENDED = auto()


@dataclass(slots=True)
class Transactional:
    """What is known of one transactional id."""

    name: str
    producer_id: int
    epoch: int
    timeout_seconds: float
    phase: Phase = Phase.EMPTY
    outcome: int | None = None
    started: float = 0.0
    participants: list[Partition | str] = field(default_factory=list)

    def holds(self, participant: Partition | str) -> bool:
        """True when `participant` is part of the transaction under way."""
        return self.phase is Phase.ONGOING and participant in self.participants


class Coordinator:
    """All transactional ids. Each request either succeeds or raises the error that a broker would answer with."""

    def __init__(self, mark: Mark) -> None:
        self.ids: dict[str, Transactional] = {}
        self._mark = mark
        self._next_producer_id = 1000

    def initialise(self, name: str | None, timeout_seconds: float, now: float) -> tuple[int, int]:
        """Producer id and epoch for a new producer; with a name, everyone before it is fenced.

        Raises:
            ConcurrentTransactions: the transaction before is being ended first.
        """
        if name is None:
            return self._new_id(), 0
        known = self.ids.get(name)
        if known is None:
            known = self.ids[name] = Transactional(name, self._new_id(), 0, timeout_seconds)
            return known.producer_id, known.epoch
        if known.phase is Phase.ONGOING:
            self.fence(known)
        if known.phase is Phase.ENDING:
            raise ConcurrentTransactions
        known.epoch += 1
        known.phase, known.timeout_seconds = Phase.EMPTY, timeout_seconds
        return known.producer_id, known.epoch

    def fence(self, known: Transactional) -> None:
        """Abort what is ongoing, under an epoch that its producer does not have."""
        known.epoch += 1
        self._end(known, ABORT)

    def join(self, name: str, producer_id: int, epoch: int, participants: list[Partition | str], now: float) -> None:
        """Make `participants` part of the transaction, which begins if none is under way.

        Raises:
            InvalidProducerEpoch: fenced.
            ConcurrentTransactions: the transaction before is still being ended.
        """
        known = self.check(name, producer_id, epoch)
        if known.phase is Phase.ENDING:
            raise ConcurrentTransactions
        if known.phase is not Phase.ONGOING:
            known.phase, known.started, known.participants = Phase.ONGOING, now, []
        known.participants += [one for one in participants if one not in known.participants]

    def end(self, name: str, producer_id: int, epoch: int, outcome: int) -> None:
        """Decide the transaction's outcome. Asking again for what was decided is no error.

        Raises:
            InvalidProducerEpoch: fenced.
            ConcurrentTransactions: the markers are still being written.
            InvalidTxnState: nothing is under way, or the other outcome was decided.
        """
        known = self.check(name, producer_id, epoch)
        if known.phase is Phase.ONGOING:
            self._end(known, outcome)
        elif known.phase is Phase.EMPTY or known.outcome != outcome:
            raise InvalidTxnState
        elif known.phase is Phase.ENDING:
            raise ConcurrentTransactions

    def check(self, name: str, producer_id: int, epoch: int) -> Transactional:
        """The id, if this producer holds it.

        Raises:
            InvalidProducerIdMapping: the id is another producer's.
            InvalidProducerEpoch: fenced.
        """
        known = self.ids.get(name)
        if known is None or known.producer_id != producer_id:
            raise InvalidProducerIdMapping
        if known.epoch != epoch:
            raise InvalidProducerEpoch
        return known

    def marked(self, known: Transactional, participant: Partition | str) -> None:
        """The marker of one participant is written; with the last one the transaction has ended."""
        known.participants.remove(participant)
        if not known.participants:
            known.phase = Phase.ENDED

    def expire(self, now: float) -> None:
        """Abort what has been ongoing for too long."""
        for known in self.ids.values():
            if known.phase is Phase.ONGOING and now > known.started + known.timeout_seconds:
                self.fence(known)

    def next_expiry(self) -> float | None:
        """When the next ongoing transaction has been so for too long."""
        return min((k.started + k.timeout_seconds for k in self.ids.values() if k.phase is Phase.ONGOING), default=None)

    def _end(self, known: Transactional, outcome: int) -> None:
        known.phase, known.outcome = Phase.ENDING, outcome
        for participant in list(known.participants):
            self._mark(known, participant)

    def _new_id(self) -> int:
        self._next_producer_id += 1
        return self._next_producer_id


@dataclass(slots=True)
class Offsets:
    """Committed positions of groups, and those that wait for a transaction's end."""

    committed: dict[str, dict[Partition, int]] = field(default_factory=dict)
    _pending: dict[tuple[str, int], dict[Partition, int]] = field(default_factory=dict)

    def propose(self, group: str, producer_id: int, offsets: dict[Partition, int]) -> None:
        """Keep `offsets` until the producer's transaction ends."""
        self._pending.setdefault((group, producer_id), {}).update(offsets)

    def end_transaction(self, group: str, producer_id: int, outcome: int | None) -> None:
        """Take over or drop what waits."""
        waiting = self._pending.pop((group, producer_id), {})
        if outcome == COMMIT:
            self.committed.setdefault(group, {}).update(waiting)
