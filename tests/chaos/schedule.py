"""Which fault strikes when, all drawn from one seed: the same programme gives the same schedule, on any machine.

Moments are bound to the input, not to the clock: a strike falls so many messages after the one before it was recovered
from, or, if it is `at_once`, a drawn moment after that one began, while its damage is still under way.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What is done, to whom."""

    WORKER_KILLED = "worker-killed"
    """SIGKILL; its supervisor starts it again at once."""
    WORKER_PAUSED = "worker-paused"
    """SIGSTOP and SIGCONT, within the session's and the transaction's time-out."""
    WORKER_FROZEN = "worker-frozen"
    """SIGSTOP and SIGCONT, after both time-outs: it wakes up as somebody who was replaced."""
    WORKER_ADDED = "worker-added"
    """One process more in the group."""
    WORKER_REMOVED = "worker-removed"
    """SIGTERM, and it stays away."""
    BROKER_KILLED = "broker-killed"
    """SIGKILL, and a new start after some seconds."""
    BROKER_CUT = "broker-cut"
    """Connections are reset and refused."""
    BROKER_SILENT = "broker-silent"
    """Connections stay and nothing comes through."""
    BROKER_SLOW = "broker-slow"
    """Everything comes through, late and thinly."""


WEIGHTS: Final = {
    Kind.WORKER_KILLED: 5,
    Kind.WORKER_PAUSED: 3,
    Kind.WORKER_FROZEN: 1,
    Kind.WORKER_ADDED: 2,
    Kind.WORKER_REMOVED: 2,
    Kind.BROKER_KILLED: 2,
    Kind.BROKER_CUT: 3,
    Kind.BROKER_SILENT: 3,
    Kind.BROKER_SLOW: 2,
}
"""How often each kind is drawn, relative to the others."""

SECONDS: Final = {
    Kind.WORKER_PAUSED: (0.3, 6.0),
    Kind.WORKER_FROZEN: (12.0, 25.0),
    Kind.BROKER_KILLED: (0.1, 8.0),
    Kind.BROKER_CUT: (1.0, 60.0),
    Kind.BROKER_SILENT: (1.0, 60.0),
    Kind.BROKER_SLOW: (2.0, 15.0),
}
"""How long a strike of each kind lasts: most are short and some are long; other kinds are over at once."""

AT_ONCE_RATIO: Final = 0.2
"""Share of strikes that do not wait until the one before them is recovered from."""

MESSAGES_BETWEEN: Final = (5, 40)
"""Messages sent between a recovery and the next strike."""

JITTER_SECONDS: Final = 0.5
"""A strike waits up to this long after its message, so that it falls anywhere in a batch, a commit or a poll."""

AT_ONCE_SECONDS: Final = 4.0
"""Longest time between the beginnings of two strikes of which the second comes at once: a restart takes about as long."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault. `after_messages` and `delay_seconds` say when (see the module); `target` picks among who is there (modulo)."""

    kind: Kind
    after_messages: int
    delay_seconds: float
    at_once: bool
    target: int
    seconds: float = 0.0
    latency_seconds: float = 0.0
    bytes_per_second: int = 0


@dataclass(frozen=True, slots=True)
class Programme:
    """What to draw from: `faults` in all, `workers` at first, never fewer than one and never more than `most_workers`."""

    seed: int
    faults: int
    workers: int = 2
    most_workers: int = 3


def schedule(programme: Programme) -> list[Strike]:
    """The strikes of `programme`, in order."""
    draw = random.Random(programme.seed)
    strikes: list[Strike] = []
    workers = programme.workers
    for _ in range(programme.faults):
        kind = _kind(draw, workers, programme.most_workers)
        workers += (kind is Kind.WORKER_ADDED) - (kind is Kind.WORKER_REMOVED)
        strikes.append(_strike(draw, kind, first=not strikes))
    return strikes


def _kind(draw: random.Random, workers: int, most: int) -> Kind:
    impossible = {Kind.WORKER_ADDED} if workers >= most else set()
    impossible |= {Kind.WORKER_REMOVED} if workers <= 1 else set()
    kinds = [kind for kind in WEIGHTS if kind not in impossible]
    return draw.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]


def _strike(draw: random.Random, kind: Kind, *, first: bool) -> Strike:
    at_once = not first and draw.random() < AT_ONCE_RATIO
    low, high = SECONDS.get(kind, (0.0, 0.0))
    slow = kind is Kind.BROKER_SLOW
    return Strike(
        kind,
        after_messages=0 if at_once else draw.randint(*MESSAGES_BETWEEN),
        delay_seconds=round(draw.uniform(0, AT_ONCE_SECONDS if at_once else JITTER_SECONDS), 3),
        at_once=at_once,
        target=draw.randrange(60),
        seconds=round(low * (high / low) ** (draw.random() ** 2), 3) if low else 0.0,
        latency_seconds=round(draw.uniform(0.02, 0.3), 3) if slow else 0.0,
        bytes_per_second=round(2 ** draw.uniform(16, 20)) if slow else 0,
    )
