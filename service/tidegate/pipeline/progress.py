"""Whether a worker makes progress: what readiness and liveness are judged by. Ready is more than alive.

Alive: the loop gives signs of life, one at least at each of its stages; a stage that does not return is a stuck worker, and
starting the process again is the cure. A log that cannot be reached is no such stage: its requests time out and are made
again, so the worker is alive and not ready.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tidegate.ports import Ages, Clock

STUCK_AFTER_SECONDS = 30.0
"""By default. Well above the longest stage: a request of Kafka's takes 8 s at most, a batch a few seconds."""


class Progress:
    """Heartbeat and position of one worker, written by its loop and read by health checks."""

    def __init__(self, clock: Clock, stuck_after_seconds: float = STUCK_AFTER_SECONDS) -> None:
        self._clock = clock
        self._bound = stuck_after_seconds
        self._beat_at = self._committed_at = clock.monotonic()
        self._committing_since: float | None = None
        self.stage = ""
        self._restored = False
        self.replayed_batches = 0
        self._blocked = ""
        self._held: Mapping[str, float] = {}
        self.lag = 0

    def replayed(self, batches: int) -> None:
        """The restore came this far."""
        self.replayed_batches = batches
        self._beat()

    def restored(self) -> None:
        """The restore is done."""
        self._restored = True
        self.beat(lag=self.lag)

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """The loop is in `stage`, which must return within the bound; its name is shown when it does not."""
        self._beat()
        self.stage = stage
        try:
            yield
        finally:
            self.stage = ""
            self._beat()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """The loop waits for the log to commit: its transaction is open until then."""
        self._committing_since = self._clock.monotonic()
        try:
            with self.during("commit"):
                yield
        finally:
            self._committing_since = None

    def beat(self, *, lag: int) -> None:
        """The loop went round with `lag` records still to take."""
        self._beat()
        self.lag = lag

    def waiting(self) -> None:
        """The loop waits for another partition's trial."""
        self._beat()

    def committed(self) -> None:
        """A batch became durable."""
        self._committed_at = self._clock.monotonic()
        self._blocked = ""

    def blocked(self, reason: str) -> None:
        """A commit failed and is being tried again; the loop is alive, the worker not ready."""
        self._beat()
        self._blocked = reason

    def held(self, seconds: Mapping[str, float]) -> None:
        """For how long, by input topic, a transaction of somebody else has kept what comes after it from being read."""
        self._held = seconds

    def not_ready(self) -> list[str]:
        """Reasons why this worker is not making progress; empty means ready."""
        reasons = []
        ages = self.ages()
        if not self._restored:
            reasons.append(f"restoring: {self.replayed_batches} batches replayed")
        if self._blocked:
            reasons.append(f"cannot commit: {self._blocked}")
        if not self.alive():
            reasons.append(f"no sign of life for {ages.turn_seconds:.0f} s{f', in {self.stage}' if self.stage else ''}")
        elif self._restored and ages.commit_seconds > self._bound:
            reasons.append(f"no batch committed for {ages.commit_seconds:.0f} s with {self.lag} records waiting")
        reasons += [_held_back(topic, seconds) for topic, seconds in self._held.items() if seconds > self._bound]
        return reasons

    def alive(self) -> bool:
        """True while the loop gives signs of life."""
        return self._clock.monotonic() - self._beat_at <= self._bound

    def ages(self) -> Ages:
        """How long ago what should happen all the time last did."""
        now = self._clock.monotonic()
        return Ages(
            turn_seconds=now - self._beat_at,
            commit_seconds=now - self._committed_at,
            transaction_seconds=0.0 if self._committing_since is None else now - self._committing_since,
            held_seconds=max(self._held.values(), default=0.0),
        )

    def _beat(self) -> None:
        self._beat_at = self._clock.monotonic()


def _held_back(topic: str, seconds: float) -> str:
    return (
        f"{topic}: a producer has left a transaction open for {seconds:.0f} s, and nothing after it can be read; "
        "end it there, or with `kafka-transactions.sh abort`"
    )
