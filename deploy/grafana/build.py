"""Dashboards in our words to dashboards in Grafana's, by Grafana's own SDK."""

from typing import Any, Final, cast

from grafana_foundation_sdk.builders import bargauge, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, Threshold, ThresholdsMode

from board import Bars, Board, Item, Number, Panel, Query

_DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLOURS: Final = ("green", "yellow", "red")


def as_json(board: Board) -> str:
    """`board` as the JSON that Grafana provisions; the same board gives the same text."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.text)
        .tags(["tidegate"])
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("10s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_jobs())
    )
    for row in board.rows:
        builder = builder.with_row(dashboard.Row(row.title))
        for item in row.items:
            builder = builder.with_panel(_panel(item))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(builder.build())) + "\n"


def _jobs() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("job")
        .label("Job")
        .datasource(_DATASOURCE)
        .query("label_values(tidegate_build_info, job)")
        .include_all(True)
        .multi(True)
        .all_value(".*")
    )


def _panel(item: Item) -> Any:
    match item:
        case Number():
            return _number(item)
        case Bars():
            return _bars(item)
        case Panel():
            return _graph(item)


def _number(item: Number) -> stat.Panel:
    panel = (
        stat.Panel()
        .graph_mode(BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target("A", Query(item.expression)))
    )
    return cast(stat.Panel, _common(panel, item, item.limits))


def _bars(item: Bars) -> bargauge.Panel:
    panel = (
        bargauge.Panel()
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target("A", item.query).instant())
    )
    return cast(bargauge.Panel, _common(panel, item, ()))


def _graph(item: Panel) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(40 if item.stacked else 8)
        .legend(VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if item.least is not None:
        panel = panel.min(item.least)
    if item.stacked:
        panel = panel.stacking(StackingConfig().mode(StackingMode.NORMAL))
    for letter, query in zip("ABCDEFGH", item.queries, strict=False):
        panel = panel.with_target(_target(letter, query))
    return cast(timeseries.Panel, _common(panel, item, item.limits))


def _common(panel: Any, item: Item, limits: tuple[float, ...]) -> Any:
    steps = [Threshold(None, _COLOURS[0])]
    steps += [Threshold(value, colour) for value, colour in zip(limits, _COLOURS[1:], strict=False)]
    return (
        panel.title(item.title)
        .description(item.text)
        .unit(item.unit)
        .datasource(_DATASOURCE)
        .span(item.width)
        .height(item.height)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    )


def _target(letter: str, query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(letter).expr(query.expression).legend_format(query.legend or "__auto")
