"""A clock that stands still until somebody moves it."""


class ManualClock:
    """`ports.Clock` that stands still until it is moved. Both hands start where told."""

    def __init__(self, now_ms: int = 1_700_000_000_000, monotonic: float = 0.0) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both hands forward."""
        self._now_ms += round(seconds * 1000)
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the time of day, as an operator or NTP does; the monotonic hand does not move."""
        self._now_ms += round(seconds * 1000)
