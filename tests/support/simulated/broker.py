"""A broker of one: leads every partition, coordinates every transaction and group, keeps everything through its restarts.

It takes one request at a time and answers, or says when to ask it again (a fetch that waits). Markers of ended transactions
are chores, done one by one when the network lets them: between the outcome and its markers, as on a real broker, an id is busy
and readers see nothing yet. Transactional writes are checked against the coordinator (KIP-890), as brokers do since 3.7.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.errors import InvalidTxnState, KafkaError, OffsetOutOfRangeError, UnknownTopicOrPartitionError

from support.simulated.batches import Batch, stamped
from support.simulated.coordinator import Coordinator, Offsets, Partition, Transactional
from support.simulated.partition import PartitionLog
from support.simulated.time import HandTime
from support.simulated.wire import REQUESTS, Call

HOST, PORT, NODE = "simulated", 9092, 0

_LONGEST_WAIT_SECONDS: Final = 1.0
"""A fetch that waits is answered when there is something, or after this long, whatever it asks for: less idle traffic."""

_READ_COMMITTED: Final = 1
_EARLIEST: Final = -2


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that the broker answers with once, before doing what was asked, or, with `done`, after."""

    error: type[KafkaError]
    done: bool = False


class Broker:
    """Topics are fixed. `refuse` plants an error for the next request of a kind."""

    def __init__(self, time: HandTime, topics: Sequence[str], partitions: int) -> None:
        self._time = time
        self.topics = {topic: [PartitionLog() for _ in range(partitions)] for topic in topics}
        self.chores: deque[Callable[[], None]] = deque()
        self.coordinator = Coordinator(self._mark)
        self.offsets = Offsets()
        self._refusals: dict[str, Refusal] = {}

    def refuse(self, name: str, refusal: Refusal) -> None:
        """Answer the next request `name` with an error."""
        self._refusals[name] = refusal

    def refuses(self, name: str) -> bool:
        """True while the planted error has not been met."""
        return name in self._refusals

    def forgive(self) -> None:
        """Answer everything as it should be from now on."""
        self._refusals.clear()

    def handle(self, call: Call, waiting_since: float) -> bytes | None:
        """The answer to `call`; None while a fetch waits for something to read, which it began at `waiting_since`."""
        return getattr(self, f"_{call.name}")(call) if call.name != "fetch" else self._fetch(call, waiting_since)

    def log(self, topic: str, partition: int) -> PartitionLog:
        """One partition's log.

        Raises:
            UnknownTopicOrPartitionError: there is none.
        """
        if topic not in self.topics or not 0 <= partition < len(self.topics[topic]):
            raise UnknownTopicOrPartitionError
        return self.topics[topic][partition]

    def _mark(self, transaction: Transactional, participant: Partition | str) -> None:
        producer_id, epoch, outcome = transaction.producer_id, transaction.epoch, transaction.outcome

        def write() -> None:
            if isinstance(participant, str):
                self.offsets.end_transaction(participant, producer_id, outcome)
            else:
                self.log(*participant).end_transaction(producer_id, epoch, outcome or 0, self._time.now_ms())
            self.coordinator.marked(transaction, participant)

        self.chores.append(write)

    def _tried(self, call: Call, action: Callable[[], Any]) -> tuple[int, Any]:
        """Error code and result of `action`; a planted refusal takes the place of either."""
        refusal = self._refusals.pop(call.name, None)
        if refusal is not None and not refusal.done:
            return refusal.error.errno, None
        try:
            result = action()
        except KafkaError as error:
            return error.errno, None
        return (refusal.error.errno, None) if refusal is not None else (0, result)

    def _versions(self, call: Call) -> bytes:
        return call.answer(0, [(kind.API_KEY, kind.API_VERSION, kind.API_VERSION) for kind in REQUESTS.values()])

    def _metadata(self, call: Call) -> bytes:
        wanted = self.topics if call.body.topics is None else call.body.topics
        described = [self._described(topic) for topic in wanted]
        return call.answer(0, [(NODE, HOST, PORT, None)], "cluster", NODE, described)

    def _described(self, topic: str) -> tuple[Any, ...]:
        if topic not in self.topics:
            return (UnknownTopicOrPartitionError.errno, topic, False, [])
        partitions = [(0, index, NODE, [NODE], [NODE], []) for index in range(len(self.topics[topic]))]
        return (0, topic, False, partitions)

    def _coordinator(self, call: Call) -> bytes:
        error, _ = self._tried(call, lambda: None)
        return call.answer(0, error, None, NODE, HOST, PORT)

    def _init(self, call: Call) -> bytes:
        seconds = call.body.transaction_timeout_ms / 1000
        name = call.body.transactional_id
        error, given = self._tried(call, lambda: self.coordinator.initialise(name, seconds, self._time.seconds))
        return call.answer(0, error, *(given or (-1, -1)))

    def _partitions(self, call: Call) -> bytes:
        asked = call.body
        wanted: list[Partition | str] = [(topic, each) for topic, partitions in asked.topics for each in partitions]
        error, _ = self._tried(call, lambda: self._join(asked, wanted))
        return call.answer(0, [(topic, [(each, error) for each in partitions]) for topic, partitions in asked.topics])

    def _offsets(self, call: Call) -> bytes:
        error, _ = self._tried(call, lambda: self._join(call.body, [call.body.group_id]))
        return call.answer(0, error)

    def _join(self, asked: Any, participants: list[Partition | str]) -> None:
        self.coordinator.join(asked.transactional_id, asked.producer_id, asked.producer_epoch, participants, self._time.seconds)

    def _positions(self, call: Call) -> bytes:
        asked = call.body
        error, _ = self._tried(call, lambda: self._propose(asked))
        return call.answer(0, [(topic, [(each[0], error) for each in partitions]) for topic, partitions in asked.topics])

    def _propose(self, asked: Any) -> None:
        self._verify(asked.transactional_id, asked.producer_id, asked.producer_epoch, asked.group_id)
        offsets = {(topic, each[0]): each[1] for topic, partitions in asked.topics for each in partitions}
        self.offsets.propose(asked.group_id, asked.producer_id, offsets)

    def _verify(self, name: str, producer_id: int, epoch: int, participant: Partition | str) -> None:
        if not self.coordinator.check(name, producer_id, epoch).holds(participant):
            raise InvalidTxnState

    def _end(self, call: Call) -> bytes:
        asked = call.body
        error, _ = self._tried(
            call,
            lambda: self.coordinator.end(
                asked.transactional_id, asked.producer_id, asked.producer_epoch, int(asked.transaction_result)
            ),
        )
        return call.answer(0, error)

    def _produce(self, call: Call) -> bytes:
        refusal = self._refusals.pop("produce", None)
        answers = []
        for topic, partitions in call.body.topics:
            written = [(index, *self._written(call, topic, index, raw, refusal)) for index, raw in partitions]
            answers.append((topic, [(index, error, base, self._time.now_ms(), 0) for index, error, base in written]))
        return call.answer(answers, 0)

    def _written(self, call: Call, topic: str, index: int, raw: bytes, refusal: Refusal | None) -> tuple[int, int]:
        if refusal is not None and not refusal.done:
            return refusal.error.errno, -1
        try:
            base = self._append(call.body.transactional_id, topic, index, raw)
        except KafkaError as error:
            return error.errno, -1
        return (refusal.error.errno, -1) if refusal is not None else (0, base)

    def _append(self, transactional_id: str | None, topic: str, index: int, raw: bytes) -> int:
        log = self.log(topic, index)
        batch: Batch = stamped(raw, 0, 0)
        if batch.transactional and not log.is_open(batch.producer_id):
            self._verify(transactional_id or "", batch.producer_id, batch.epoch, (topic, index))
        return log.append(raw, self._time.now_ms())

    def _fetch(self, call: Call, waiting_since: float) -> bytes | None:
        asked = call.body
        refusal = self._refusals.pop("fetch", None)
        code = refusal.error.errno if refusal else 0
        stable = asked.isolation_level == _READ_COMMITTED
        answers, found = [], False
        for topic, partitions in asked.topics:
            read = [self._read(topic, index, offset, size, stable, code) for index, _, offset, _, size in partitions]
            found = found or any(each[1] or each[-1] for each in read)
            answers.append((topic, read))
        wait = _LONGEST_WAIT_SECONDS if asked.max_wait_time else 0.0
        if not found and self._time.seconds < waiting_since + wait:
            return None
        return call.answer(0, 0, 0, answers)

    def _read(self, topic: str, index: int, offset: int, size: int, stable: bool, code: int) -> tuple[Any, ...]:
        log = self.log(topic, index)
        if code == 0 and not log.start <= offset <= log.end:
            code = OffsetOutOfRangeError.errno
        data, aborted = log.fetch(offset, size, stable) if code == 0 else (b"", [])
        gone = [(each.producer_id, each.first) for each in aborted]
        return (index, code, log.end, log.stable_end, log.start, gone, -1, data)

    def _list(self, call: Call) -> bytes:
        error, _ = self._tried(call, lambda: None)
        stable = call.body.isolation_level == _READ_COMMITTED
        answers = []
        for topic, partitions in call.body.topics:
            found = [(index, error, -1, self._offset(topic, index, which, stable)) for index, which in partitions]
            answers.append((topic, found))
        return call.answer(0, answers)

    def _offset(self, topic: str, index: int, which: int, stable: bool) -> int:
        log = self.log(topic, index)
        if which == _EARLIEST:
            return log.start
        return log.stable_end if stable else log.end

    def _committed(self, call: Call) -> bytes:
        error, _ = self._tried(call, lambda: None)
        by_topic: dict[str, list[tuple[Any, ...]]] = {}
        for (topic, index), offset in self.offsets.committed.get(call.body.consumer_group, {}).items():
            by_topic.setdefault(topic, []).append((index, offset, "", 0))
        return call.answer(0, list(by_topic.items()), error)

    def _delete(self, call: Call) -> bytes:
        answers = []
        for topic, partitions, _ in call.body.topics:
            trimmed = []
            for index, before, _ in partitions:
                log = self.log(topic, index)
                log.start = max(log.start, min(before, log.end))
                trimmed.append((index, log.start, 0, {}))
            answers.append((topic, trimmed, {}))
        return call.answer(0, answers, {})
