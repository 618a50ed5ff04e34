"""What a device did and what was expected of it, as far as a chart shows it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tidegate.console.board import Answer, Board
from tidegate.contracts.views import Explanation

MOST_POINTS: Final = 600
"""Points of one chart: more than it has pixels for would only be slow."""

_FORECAST: Final = "residual"
"""The stream that says what was expected; others say what a sensor can say at all."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One metric at one time; null where it is not known."""

    observed: float | None
    expected: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """A device at one event time. `surprise` and `threshold` are in −log10 p."""

    time_ms: int
    surprise: float | None
    threshold: float | None
    metrics: dict[str, Expectation]


@dataclass(slots=True)
class Trace:
    """A device's last points, in order of time."""

    site: str
    name: str
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    seen: int = -1

    @property
    def device(self) -> tuple[str, str]:
        """Whose it is."""
        return self.site, self.name

    def take(self, explanation: Explanation) -> None:
        """Add what `explanation` says, unless it is no news."""
        view = explanation.device
        if self.points and view.last_event_time_ms <= self.points[-1].time_ms:
            return
        expected = {
            str(reason.metric): Expectation(reason.observed, reason.expected, reason.expected_low, reason.expected_high)
            for reason in explanation.streams
            if reason.metric is not None and reason.stream == _FORECAST
        }
        metrics = {
            str(name): expected.get(str(name), Expectation(value, None, None, None)) for name, value in view.metrics.items()
        }
        self.points.append(Point(view.last_event_time_ms, view.neg_log10_p, explanation.threshold, metrics))


async def explained(board: Board, site: str, device: str) -> Answer[Explanation]:
    """Why the device alarms, or why not, as of now."""
    return await board.ask(f"explain:{site}:{device}", lambda: board.client.devices.explain(site, device), seconds=1)


async def record(board: Board, trace: Trace) -> Answer[Explanation]:
    """Bring `trace` up to date."""
    answer = await explained(board, trace.site, trace.name)
    if answer.value is not None:
        trace.take(answer.value)
    return answer
