"""What a device did and what was expected of it, as far as a chart shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tidegate.console.board import Answer, Board
from tidegate.contracts.scores import ScorePoint
from tidegate.contracts.views import Explanation

MOST_POINTS: Final = 600
"""Points of one chart: more than it has pixels for would only be slow."""

_RECORDED_SECONDS: Final = 10.0
_AROUND_MS: Final = 5 * 60_000

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
    points: list[Point] = field(default_factory=list)

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
        self._add([Point(view.last_event_time_ms, view.neg_log10_p, explanation.threshold, metrics)])

    def take_recorded(self, recorded: Sequence[ScorePoint]) -> None:
        """Add what was `recorded`; at one time, what is recorded stands before what was seen since."""
        self._add([_point(each) for each in recorded])

    def _add(self, points: Sequence[Point]) -> None:
        merged = {point.time_ms: point for point in (*self.points, *points)}
        self.points = [merged[time] for time in sorted(merged)][-MOST_POINTS:]


def _point(recorded: ScorePoint) -> Point:
    metrics = {
        str(name): Expectation(each.observed, each.expected, each.expected_low, each.expected_high)
        for name, each in recorded.metrics.items()
    }
    return Point(recorded.event_time_ms, recorded.neg_log10_p, recorded.threshold, metrics)


async def explained(board: Board, site: str, device: str) -> Answer[Explanation]:
    """Why the device alarms, or why not, as of now."""
    return await board.ask(f"explain:{site}:{device}", lambda: board.client.devices.explain(site, device), seconds=1)


async def record(board: Board, trace: Trace) -> Answer[Explanation]:
    """Bring `trace` up to date: with what is recorded, and with what is seen now, for records are made only now and then."""
    recorded = await _recorded(board, trace, "now", None)
    answer = await explained(board, trace.site, trace.name)
    trace.take_recorded(recorded)
    if answer.value is not None:
        trace.take(answer.value)
    return answer


async def recall(board: Board, trace: Trace, opened_ms: int, closed_ms: int) -> None:
    """Bring `trace` up to date around a stretch of time: as much before and after as it is long, and some minutes at least."""
    around_ms = max(closed_ms - opened_ms, _AROUND_MS)
    until_ms = closed_ms + around_ms
    trace.take_recorded(await _recorded(board, trace, f"{opened_ms}-{closed_ms // around_ms}", until_ms))
    trace.points = [point for point in trace.points if opened_ms - around_ms <= point.time_ms < until_ms]


async def _recorded(board: Board, trace: Trace, name: str, until_ms: int | None) -> Sequence[ScorePoint]:
    listing = board.client.scores.list(trace.site, trace.name, until_ms=until_ms)
    answer = await board.ask(
        f"scores:{trace.site}:{trace.name}:{name}", partial(listing.first, MOST_POINTS), seconds=_RECORDED_SECONDS
    )
    return answer.value or ()
