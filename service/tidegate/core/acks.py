"""The acks of a batch: those with a believable clock are heard by the allocator; what it does not know is refused.

Nothing is decided on them yet (docs/decisions/0004): they are remembered, shown, and part of the state.
"""

from collections.abc import Sequence

from tidegate.contracts.ack import Ack
from tidegate.contracts.configuration import DetectionSettings
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.detection.admission import Window, window_at
from tidegate.core.detection.results import Rejection


def hear_acks(allocator: Allocator, acks: Sequence[Ack], settings: DetectionSettings, tick_ms: int) -> list[Rejection]:
    """Let `allocator` hear `acks` in order; returns which were refused. One that is old news has no effect and is no fault.

    A clock ahead is refused because the latest word counts: believed, it would silence its gateway until then.
    """
    window = window_at(settings, tick_ms)
    refused = []
    for index, ack in enumerate(acks):
        fault = _clock_fault(ack, window)
        if fault is None:
            unknown = allocator.hear(ack, tick_ms)
            fault = None if unknown is None else (DeadLetterReason.ACK_UNKNOWN, unknown)
        if fault is not None:
            refused.append(Rejection(index, *fault))
    return refused


def _clock_fault(ack: Ack, window: Window) -> tuple[DeadLetterReason, str] | None:
    if ack.sent_at_ms > window.latest_ms:
        return DeadLetterReason.CLOCK_AHEAD, f"sent_at_ms {ack.sent_at_ms} is after {window.latest_ms}, the latest believed"
    if ack.sent_at_ms < window.earliest_ms:
        text = f"sent_at_ms {ack.sent_at_ms} is before {window.earliest_ms}, the earliest believed"
        return DeadLetterReason.CLOCK_IMPLAUSIBLE, text
    return None
