"""Finding the one input that ends the worker, without losing any other.

A batch can end the worker by an exception in the core, or with the process (a crash in native code, out of memory). Both
leave the log as it was, so that both are looked into the same way. After a restore with input waiting, the worker announces
in the journal what it is going to take (`Trial`), by a batch without inputs, and then takes it. A journal that ends with an
announcement says that taking it ended the worker. Then it takes half of that, announced again, and goes on with the other
half or with half of what failed, whichever has the culprit; records first, then readings of a single record. What is taken
well is committed as any batch is. One command or one reading that made the core raise twice, alone, becomes a dead letter.

That announcement is itself a step of the core without input: a tick that fails is nobody's poison. A kill from outside, or a
partition lost in that moment, looks like a crash of the process, hence costs smaller batches for a while. An end without an
exception is no proof, so it takes more of them: to cost a reading, chance would have to hit, five times in a row, the moment in
which that reading is taken alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.contracts import topics
from tidegate.contracts.journal import Excluded, OffsetRange, Part, Trial
from tidegate.errors import BundleError, ConfigurationError, DependencyError
from tidegate.pipeline.portion import Inputs, Portion
from tidegate.ports import Record

FAILURES_TO_EXCLUDE: Final = 2
"""Times that a single input has to make the core raise, alone, before it is set aside: once may be chance."""

ENDS_TO_EXCLUDE: Final = 5
"""Times if the process only ended while it was taken: a kill or a lost partition looks the same."""

NOBODYS_POISON: Final = (DependencyError, BundleError, ConfigurationError)
"""Errors that speak of log, bundle or settings, whatever input is at hand."""

MAX_WHY_CHARACTERS: Final = 400
"""Of an exception's text: it may quote hostile input."""

PROCESS_ENDED: Final = "the process ended while it was taken"

_Candidate = tuple[str, Record]


@dataclass(frozen=True, slots=True)
class Bite:
    """What to take next: `portion`, announced by `trial` (null: it is what gets excluded, and cannot fail)."""

    portion: Portion
    trial: Trial | None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something in the input before `until` (offsets by topic; null: perhaps nothing) ended the worker.

    `stop` narrows it to the readings before it of a single record. `alone` was the only thing taken when it ended the
    worker, `failures` times by now; `why` is what was said then.
    """

    until: Mapping[str, int] | None = None
    stop: int | None = None
    alone: Excluded | None = None
    failures: int = 0
    why: str = ""

    def bite(self, inputs: Inputs, taken: int, count: Callable[[Record], int]) -> Bite | None:
        """How much of `inputs` to take; null when what was suspected is behind us.

        `taken` readings of the first telemetry record are committed already; `count` says how many one has.
        """
        suspects = self._suspects(inputs, taken)
        if not suspects:
            return None
        if len(suspects) > 1:
            size = len(suspects) if self.until is None else len(suspects) // 2
            portion, alone = _whole(suspects[:size]), _single(suspects[:size], count)
        else:
            portion, alone = self._of_one(*suspects[0], taken, count)
        return self._judged(portion, alone)

    def passed(self, bite: Bite) -> "Suspicion | None":
        """What is left of the suspicion after `bite` was committed."""
        if bite.trial is None:
            return Suspicion()  # the culprit is found; whether there is another will show
        return None if self.until is None else replace(self, alone=None, failures=0)

    def _suspects(self, inputs: Inputs, taken: int) -> list[_Candidate]:
        if taken:  # the rest of a record comes before anything else
            return [(topics.TELEMETRY, record) for record in inputs.get(topics.TELEMETRY, ())[:1]]
        everything = [(topic, record) for topic, records in inputs.items() for record in records]
        until = self.until
        return everything if until is None else [(topic, each) for topic, each in everything if each.offset < until.get(topic, 0)]

    def _of_one(self, topic: str, record: Record, taken: int, count: Callable[[Record], int]) -> tuple[Portion, Excluded | None]:
        """The only suspected record: whole, or a part of its readings."""
        readings = count(record) if topic == topics.TELEMETRY else 1
        if readings == 1:
            return _whole([(topic, record)]), Excluded(topic, record.offset)
        end = self.stop if self.stop is not None and taken < self.stop < readings else readings
        size = end - taken if self.until is None else max(1, (end - taken) // 2)
        if size == readings:
            return _whole([(topic, record)]), None
        part = Part(record.offset, taken, taken + size if taken + size < readings else None)
        return Portion({topic: [record]}, part), Excluded(topic, record.offset, taken) if size == 1 else None

    def _judged(self, portion: Portion, alone: Excluded | None) -> Bite:
        known = alone is not None and alone == self.alone
        if known and alone is not None and self.failures >= self._enough():
            message = f"taken alone it ended the worker {self.failures} times: {self.why}"
            return Bite(replace(portion, excluded=(replace(alone, why=message),)), None)
        trial = Trial(_ranges(portion), portion.part, alone, self.failures if known else 0, self.why if known else "")
        return Bite(portion, trial)

    def _enough(self) -> int:
        return ENDS_TO_EXCLUDE if self.why == PROCESS_ENDED else FAILURES_TO_EXCLUDE


def suspicion_after(trial: Trial | None, why: str) -> Suspicion:
    """What to suspect after a restore: what `trial` announced, or nothing yet. `why` is empty when the process ended."""
    if trial is None:
        return Suspicion()
    return Suspicion(
        until={each.topic: each.end for each in trial.inputs},
        stop=None if trial.part is None else trial.part.stop,
        alone=trial.alone,
        failures=0 if trial.alone is None else trial.failures + 1,
        why=why or PROCESS_ENDED,
    )


def _whole(candidates: Sequence[_Candidate]) -> Portion:
    inputs: dict[str, list[Record]] = {}
    for topic, record in candidates:
        inputs.setdefault(topic, []).append(record)
    return Portion(inputs)


def _single(candidates: Sequence[_Candidate], count: Callable[[Record], int]) -> Excluded | None:
    """The one thing among `candidates`, if it is one."""
    if len(candidates) > 1:
        return None
    [(topic, record)] = candidates
    return None if topic == topics.TELEMETRY and count(record) > 1 else Excluded(topic, record.offset)


def _ranges(portion: Portion) -> list[OffsetRange]:
    return [OffsetRange(topic, records[0].offset, records[-1].offset + 1) for topic, records in portion.inputs.items()]
