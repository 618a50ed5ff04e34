"""Whether a worker makes progress: what readiness and liveness are judged by. Ready is more than alive."""

from tidegate.ports import Clock

STUCK_AFTER_SECONDS = 30.0
"""Without a committed batch while input waits, a worker is stuck: a tick commits every second even without input."""


class Progress:
    """Heartbeat and position of one worker, written by its loop and read by health checks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat_at = clock.monotonic()
        self._committed_at = clock.monotonic()
        self._restored = False
        self.replayed_batches = 0
        self._blocked = ""
        self.lag = 0

    def replayed(self, batches: int) -> None:
        """The restore came this far."""
        self.replayed_batches = batches
        self._beat_at = self._clock.monotonic()

    def restored(self) -> None:
        """The restore is done."""
        self._restored = True
        self.beat(lag=self.lag)

    def beat(self, *, lag: int) -> None:
        """The loop went round with `lag` records still to take."""
        self._beat_at = self._clock.monotonic()
        self.lag = lag

    def waiting(self) -> None:
        """The loop waits for another partition's trial."""
        self._beat_at = self._clock.monotonic()

    def committed(self) -> None:
        """A batch became durable."""
        self._committed_at = self._clock.monotonic()
        self._blocked = ""

    def blocked(self, reason: str) -> None:
        """A commit failed and is being tried again; the loop is alive, the worker not ready."""
        self._beat_at = self._clock.monotonic()
        self._blocked = reason

    def not_ready(self) -> list[str]:
        """Reasons why this worker is not making progress; empty means ready."""
        reasons = []
        if not self._restored:
            reasons.append(f"restoring: {self.replayed_batches} batches replayed")
        if self._blocked:
            reasons.append(f"cannot commit: {self._blocked}")
        idle = self._clock.monotonic() - self._committed_at
        if self._restored and idle > STUCK_AFTER_SECONDS:
            reasons.append(f"no batch committed for {idle:.0f} s with {self.lag} records waiting")
        return reasons

    def alive(self) -> bool:
        """True while the loop goes round."""
        return self._clock.monotonic() - self._beat_at <= STUCK_AFTER_SECONDS
