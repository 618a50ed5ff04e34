"""The time of day from the operating system; tests move `tidegate.adapters.memory.ManualClock` by hand instead."""

import time


class SystemClock:
    """`ports.Clock` over the machine's clocks."""

    def now_ms(self) -> int:
        """Unix time in milliseconds; steps when the machine's clock is set."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        return time.monotonic()
