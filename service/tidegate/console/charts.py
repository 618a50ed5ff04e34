"""Charts: expected against observed with the score below, forecasts, and gateways before and after a plan.

Every text in them is drawn on a canvas or as SVG text; none of it is HTML.
"""

from collections.abc import Sequence
from typing import Any, Final

from nicegui import ui

from tidegate.console.trace import Point, Trace
from tidegate.contracts.forecast import Forecast, ResourceForecast
from tidegate.contracts.plan import PlanScore
from tidegate.contracts.resources import Resources

MOST_METRICS: Final = 8
"""Metrics of one chart; a device with more shows the first ones."""

_GREY: Final = "#8494a2"
_GRID: Final = "rgba(132,148,162,.22)"
_BAND: Final = "rgba(20,184,166,.22)"
_EXPECTED: Final = "#14a394"
_OBSERVED: Final = "#3b82f6"
_ALARM: Final = "#ef4444"
_PANE: Final = 96
"""Pixels of height of one metric."""

_FONT: Final = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_NO_HTML: Final = {"trigger": "axis", "renderMode": "richText", "confine": True}


class DeviceChart:
    """A pane for each metric, and one for the score; all over the same time."""

    def __init__(self) -> None:
        self._empty = ui.html("", tag="p").classes("dim")
        self._chart: ui.echart | None = None
        self._box = ui.element("div").classes("chart")
        self._seen: tuple[object, ...] = ()

    def show(self, trace: Trace, mark: tuple[int, int] | None = None) -> None:
        """Draw `trace`, again only when there is news; `mark` is a stretch of time to point out."""
        news = (trace.device, len(trace.points), trace.points[-1].time_ms if trace.points else None, mark)
        if news == self._seen:
            return
        self._seen = news
        self._empty.set_content("" if len(trace.points) > 1 else "The chart fills as readings come in.")
        if len(trace.points) < 2:
            return
        points = trace.points
        names = list(points[-1].metrics)[:MOST_METRICS]
        options = _panes(points, names, mark)
        if self._chart is None:
            with self._box:
                self._chart = ui.echart(options, renderer="svg").props('role="img" aria-label="Expected against observed"')
        self._chart.style(f"height:{_PANE * (len(names) + 1) + 10}px")
        self._chart.options.clear()
        self._chart.options.update(options)
        self._chart.update()


def _panes(points: Sequence[Point], names: Sequence[str], mark: tuple[int, int] | None) -> dict[str, Any]:
    count = len(names) + 1
    tops = [18 + place * _PANE for place in range(count)]
    area = _area(*mark) if mark else None
    series: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        series += _metric(points, name, place, area)
    series += _score(points, len(names), area)
    return {
        "animation": False,
        "aria": {"enabled": True},
        "textStyle": {"fontFamily": _FONT},
        "tooltip": {**_NO_HTML, "axisPointer": {"type": "line", "link": [{"xAxisIndex": "all"}]}},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "title": [
            {"text": text, "left": 4, "top": top - 16, "textStyle": {"fontSize": 12, "fontWeight": 600, "color": _GREY}}
            for text, top in zip([*names, "surprise (−log10 p) and threshold"], tops, strict=True)
        ],
        "grid": [{"left": 56, "right": 14, "top": top + 6, "height": _PANE - 34} for top in tops],
        "xAxis": [
            {
                "type": "time",
                "gridIndex": place,
                "useUTC": True,
                "axisLabel": {"show": place == count - 1, "color": _GREY, "fontSize": 10, "hideOverlap": True},
                "axisLine": {"lineStyle": {"color": _GRID}},
                "axisTick": {"show": False},
            }
            for place in range(count)
        ],
        "yAxis": [
            {
                "type": "value",
                "gridIndex": place,
                "scale": place < count - 1,
                "splitNumber": 2,
                "axisLabel": {"color": _GREY, "fontSize": 10},
                "splitLine": {"lineStyle": {"color": _GRID}},
            }
            for place in range(count)
        ],
        "useUTC": True,
        "series": series,
    }


def _area(start_ms: int, end_ms: int) -> dict[str, Any]:
    return {"silent": True, "itemStyle": {"color": "rgba(239,68,68,.14)"}, "data": [[{"xAxis": start_ms}, {"xAxis": end_ms}]]}


def _metric(points: Sequence[Point], name: str, place: int, area: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The band as a stack of its lower edge and its width; over it what was expected and what was observed."""
    found = [(point.time_ms, point.metrics.get(name)) for point in points]
    low = [[time, each.low if each else None] for time, each in found]
    width = [
        [time, each.high - each.low if each and each.high is not None and each.low is not None else None] for time, each in found
    ]
    expected = [[time, each.expected if each else None] for time, each in found]
    observed = [[time, each.observed if each else None] for time, each in found]
    axes = {"xAxisIndex": place, "yAxisIndex": place, "type": "line", "symbol": "none", "emphasis": {"disabled": True}}
    stack = {**axes, "stack": f"band-{place}", "stackStrategy": "all", "lineStyle": {"opacity": 0}, "tooltip": {"show": False}}
    lines = [
        {**stack, "name": "expected from", "data": low, "silent": True},
        {**stack, "name": "width", "data": width, "areaStyle": {"color": _BAND}, "silent": True},
        {**axes, "name": "expected", "data": expected, "lineStyle": {"type": "dashed", "width": 1.2}, "color": _EXPECTED},
        {**axes, "name": "observed", "data": observed, "lineStyle": {"width": 1.8}, "color": _OBSERVED},
    ]
    if area is not None:
        lines[-1]["markArea"] = area
    return lines


def _score(points: Sequence[Point], place: int, area: dict[str, Any] | None) -> list[dict[str, Any]]:
    axes = {"xAxisIndex": place, "yAxisIndex": place, "type": "line", "emphasis": {"disabled": True}}
    alarms = [
        [point.time_ms, point.surprise]
        for point in points
        if point.surprise is not None and point.threshold is not None and point.surprise >= point.threshold
    ]
    surprise: dict[str, Any] = {
        **axes,
        "name": "surprise",
        "symbol": "none",
        "color": _OBSERVED,
        "data": [[point.time_ms, point.surprise] for point in points],
        "areaStyle": {"opacity": 0.12},
        "lineStyle": {"width": 1.4},
    }
    if area is not None:
        surprise["markArea"] = area
    threshold = {
        **axes,
        "name": "threshold",
        "symbol": "none",
        "color": _ALARM,
        "data": [[point.time_ms, point.threshold] for point in points],
        "lineStyle": {"type": "dashed", "width": 1.2},
    }
    beyond = {**axes, "type": "scatter", "name": "beyond", "symbol": "triangle", "symbolSize": 8, "color": _ALARM, "data": alarms}
    return [surprise, threshold, beyond]


class ForecastChart:
    """What a device needs of each resource, as a share of what it is granted or of the largest forecast."""

    def __init__(self) -> None:
        self._empty = ui.html("", tag="p").classes("dim")
        self._box = ui.element("div").classes("chart forecasts")
        self._charts: dict[str, ui.echart] = {}
        self._seen: object = None

    def show(self, forecast: Forecast | None, grant: Resources) -> None:
        """Draw `forecast`; again only when there is news."""
        if (forecast, grant) == self._seen:
            return
        self._seen = (forecast, grant)
        self._empty.set_content("" if forecast else "No forecast yet.")
        for resource in forecast.resources if forecast else ():
            options = _fan(resource, forecast.horizons, grant.get(resource.resource)) if forecast else {}
            if resource.resource not in self._charts:
                with self._box:
                    self._charts[resource.resource] = ui.echart(options, renderer="svg").style("height:150px")
            chart = self._charts[resource.resource]
            chart.options.clear()
            chart.options.update(options)
            chart.update()


def _fan(resource: ResourceForecast, horizons: Sequence[int], granted: float | None) -> dict[str, Any]:
    """The median with the 5 % to 95 % band around it, from now on, and the grant."""
    names = ["now", *(f"+{horizon}" for horizon in horizons)]
    low = [resource.now, *(levels[1] for levels in resource.quantiles)]
    middle = [resource.now, *(levels[3] for levels in resource.quantiles)]
    high = [resource.now, *(levels[5] for levels in resource.quantiles)]
    line = {"type": "line", "symbol": "none", "emphasis": {"disabled": True}}
    stack = {**line, "stack": "band", "stackStrategy": "all", "lineStyle": {"opacity": 0}, "silent": True}
    series: list[dict[str, Any]] = [
        {**stack, "name": "from", "data": low},
        {
            **stack,
            "name": "band",
            "data": [top - bottom for top, bottom in zip(high, low, strict=True)],
            "areaStyle": {"color": _BAND},
        },
        {**line, "name": "median", "symbol": "circle", "data": middle, "color": _EXPECTED},
    ]
    if granted is not None:
        series.append({**line, "name": "grant", "data": [granted] * len(names), "color": _ALARM, "lineStyle": {"type": "dashed"}})
    return {
        "animation": False,
        "textStyle": {"fontFamily": _FONT},
        "tooltip": _NO_HTML,
        "title": {
            "text": resource.resource.replace("_", " "),
            "left": 4,
            "top": 0,
            "textStyle": {"fontSize": 12, "fontWeight": 600, "color": _GREY},
        },
        "grid": {"left": 66, "right": 14, "top": 28, "bottom": 22},
        "xAxis": {"type": "category", "data": names, "boundaryGap": False, "axisLabel": {"color": _GREY}},
        "yAxis": {"type": "value", "splitNumber": 2, "axisLabel": {"color": _GREY}, "splitLine": {"lineStyle": {"color": _GRID}}},
        "series": series,
    }


def utilisation_options(before: PlanScore, after: PlanScore, resource: str) -> dict[str, Any]:
    """Gateways by name, each with its use of `resource` before and after, in percent of capacity."""
    names = sorted({*before.utilisation, *after.utilisation}, reverse=True)

    def bars(name: str, score: PlanScore, color: str, decal: str) -> dict[str, Any]:
        values = [round(score.utilisation.get(gateway, {}).get(resource, 0.0) * 100, 2) for gateway in names]
        style = {"color": color, "decal": {"symbol": decal, "color": "rgba(255,255,255,.35)"} if decal else {"symbol": "none"}}
        return {"type": "bar", "name": name, "data": values, "itemStyle": style, "barMaxWidth": 12}

    capacity = {
        "silent": True,
        "symbol": "none",
        "data": [{"xAxis": 100}],
        "label": {"show": False},
        "lineStyle": {"color": _ALARM},
    }
    return {
        "animation": False,
        "aria": {"enabled": True},
        "textStyle": {"fontFamily": _FONT},
        "tooltip": {**_NO_HTML, "axisPointer": {"type": "shadow"}},
        "legend": {"data": ["before", "after"], "right": 8, "top": 0, "textStyle": {"color": _GREY}},
        "grid": {"left": 8, "right": 24, "top": 28, "bottom": 8, "containLabel": True},
        "xAxis": {
            "type": "value",
            "axisLabel": {"formatter": "{value} %", "color": _GREY},
            "splitLine": {"lineStyle": {"color": _GRID}},
        },
        "yAxis": {"type": "category", "data": names, "axisLabel": {"color": _GREY, "width": 160, "overflow": "truncate"}},
        "series": [bars("before", before, _GREY, "rect"), {**bars("after", after, _EXPECTED, ""), "markLine": capacity}],
    }
