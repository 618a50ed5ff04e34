"""What a chart is drawn from: what was recorded and what was seen since, in order of time, and bounded."""

from tidegate.console.trace import MOST_POINTS, Trace
from tidegate.contracts.anomaly import DeviceState, Reason
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.scores import MetricPoint, ScorePoint
from tidegate.contracts.views import DeviceView, Explanation

BAR = MetricName("bar")


def seen(time_ms: int, observed: float) -> Explanation:
    view = DeviceView(
        SiteId("s"), DeviceId("d"), ProfileName("p"), None, DeviceState.OK, 1, time_ms, 0.5, 1.0, None, {BAR: observed}
    )
    streams = [
        Reason("range", BAR, observed, None, 0.0, 1000.0, 8.0, "beyond what the sensor can say"),
        Reason("residual", BAR, observed, 2.0, 1.0, 3.0, 0.5, "as expected"),
    ]
    return Explanation(view, 3.0, False, streams, [], "", "b", "p")


def recorded(time_ms: int, observed: float) -> ScorePoint:
    metrics = {BAR: MetricPoint(observed, 2.0, 1.0, 3.0)}
    return ScorePoint(time_ms, time_ms, DeviceState.OK, 0.5, 1.0, 3.0, None, metrics)


def test_what_is_recorded_and_what_is_seen_is_one_line_in_order_of_time() -> None:
    trace = Trace("s", "d")
    trace.take(seen(30, 3.0))
    trace.take_recorded([recorded(20, 2.0), recorded(10, 1.0), recorded(30, 3.0)])
    trace.take(seen(30, 3.0))
    trace.take(seen(40, 4.0))
    assert [(point.time_ms, point.metrics["bar"].observed) for point in trace.points] == [
        (10, 1.0),
        (20, 2.0),
        (30, 3.0),
        (40, 4.0),
    ]


def test_what_was_expected_is_the_forecast_and_not_what_the_sensor_can_say() -> None:
    trace = Trace("s", "d")
    trace.take(seen(10, 900.0))
    expected = trace.points[0].metrics["bar"]
    assert (expected.low, expected.expected, expected.high) == (1.0, 2.0, 3.0)


def test_a_chart_has_no_more_points_than_it_can_show() -> None:
    trace = Trace("s", "d")
    trace.take_recorded([recorded(each, 1.0) for each in range(3 * MOST_POINTS)])
    assert len(trace.points) == MOST_POINTS
    assert trace.points[-1].time_ms == 3 * MOST_POINTS - 1
