"""Gateways that fell silent: how often, and for how long they are kept empty after they came back."""

from dataclasses import dataclass
from typing import Final

from tidegate.contracts.daily import DAY_MS

MAX_RETURN_HOLD_MS: Final = DAY_MS
"""Milliseconds: the longest a gateway that keeps dying is kept empty after it came back (one day, our choice)."""


@dataclass(frozen=True, slots=True)
class Death:
    """That a gateway was silent: how many times since it was last trusted, and from which tick to which the last time."""

    count: int
    began_ms: int
    last_ms: int


def hold_after(death: Death, hold_ms: int) -> int:
    """For how long a gateway is kept empty after this death: `hold_ms`, doubled with every one before it, at most a day."""
    return min(hold_ms << min(death.count - 1, 30), MAX_RETURN_HOLD_MS)
