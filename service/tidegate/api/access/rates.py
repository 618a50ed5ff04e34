"""How often somebody may ask: a token bucket for each, bounded in number."""

import ipaddress
import math
from dataclasses import dataclass

from tidegate.api.access.cache import Cache
from tidegate.api.errors import TooManyRequestsError

MAX_BUCKETS = 10_000
"""Buckets kept; a client whose bucket went is given a full one, which is what it would have filled up to soon."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in the long run, and so many at once."""

    per_second: float
    burst: int


class Buckets:
    """Full at first; each request takes one, and `rate` fills them up again."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: Cache[str, tuple[float, float]] = Cache(MAX_BUCKETS)

    def take(self, whose: str, now: float) -> None:
        """Take one from the bucket of `whose`; `now` is in monotonic seconds.

        Raises:
            TooManyRequestsError: it is empty; says when the next request is taken.
        """
        level = self.level(whose, now)
        if level < 1.0:
            wait = math.ceil((1.0 - level) / self._rate.per_second)
            raise TooManyRequestsError(
                f"more than {self._rate.per_second:g} requests per second, and {self._rate.burst} at once",
                max(1, wait),
                advice="send more in each request (up to 10,000 readings), or wait for Retry-After seconds",
            )
        self._levels.put(whose, (level - 1.0, now), now)

    def level(self, whose: str, now: float) -> float:
        """How many requests `whose` may make at once now."""
        found = self._levels.get(whose, float("-inf"))
        if found is None:
            return float(self._rate.burst)
        level, then = found
        return min(self._rate.burst, level + (now - then) * self._rate.per_second)


def neighbourhood(address: str) -> str:
    """What counts as one client without a name: an IPv4 address, or the 64 bits of IPv6 that are one customer's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
