"""Plots beside a results page, as small SVG files. Draws what it is given; computes nothing.

matplotlib comes with the `evaluate` extra and is imported on first use, so that the commands can say so when it is missing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import DependencyError
from tidegate_training.evaluate.events import segments

Float64 = NDArray[np.float64]

TINT: Final = {
    "tidegate": "#1f5fa8",
    "PCA": "#d9822b",
    "AR": "#7a9a3a",
    "EWMA": "#8a6fb0",
    "isolation forest": "#4f9d9b",
    "range check": "#a0a0a0",
}
"""Colours by detector, told apart also in print; what knows nothing (random, always-alarm) is light grey."""

OTHER: Final = "#d8d8d8"


def bars_by_series(table: Mapping[str, Mapping[str, float]], path: Path, *, label: str) -> None:
    """A group of bars per series (at most 40), one bar per detector; NaN leaves a gap."""
    names = list(table)[:40]
    detectors = list(dict.fromkeys(detector for name in names for detector in table[name]))
    figure, axes = _figure(width=max(6.0, 0.5 + 0.11 * len(names) * len(detectors)), height=3.4)
    width = 0.85 / max(len(detectors), 1)
    for place, detector in enumerate(detectors):
        heights = [table[name].get(detector, np.nan) for name in names]
        axes.bar(np.arange(len(names)) + place * width, heights, width, label=detector, color=TINT.get(detector, OTHER))
    axes.set_xticks(np.arange(len(names)) + 0.425, names, rotation=60, ha="right", fontsize=7)
    axes.set_ylabel(label)
    axes.legend(fontsize=7, ncols=4, frameon=False)
    _save(figure, path)


def dots_with_intervals(
    table: Mapping[str, Mapping[str, float]], ways: Sequence[str], path: Path, *, label: str, least: float = -20.0
) -> None:
    """A row per detector, a dot per way with its interval (`<way>`, `<way>_low`, `<way>_high`); cut off below `least`."""
    names = list(table)[::-1]
    figure, axes = _figure(width=7.0, height=0.6 + 0.42 * len(names))
    shades = ("#1f5fa8", "#d9822b", "#7a9a3a")
    for place, way in enumerate(ways):
        at = np.arange(len(names)) + 0.22 * (len(ways) / 2 - place - 0.5)
        middle, low, high = (np.array([table[name][key] for name in names]) for key in (way, f"{way}_low", f"{way}_high"))
        shown = middle >= least
        error = np.abs(np.stack([middle - np.maximum(low, least), high - middle]))[:, shown]
        axes.errorbar(
            middle[shown], at[shown], xerr=error, fmt="o", markersize=4, color=shades[place % 3], label=way, linewidth=1
        )
    axes.set_yticks(np.arange(len(names)), names, fontsize=8)
    axes.set_xlim(left=least)
    axes.axvline(0.0, color=OTHER, linewidth=0.8)
    axes.set_xlabel(label)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    _save(figure, path)


def confusion_matrix(table: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Counts of a confusion matrix, shaded by their share of the row."""
    rows, columns = list(table), list(dict.fromkeys(name for row in table.values() for name in row))
    counts = np.array([[table[row].get(column, 0) for column in columns] for row in rows], dtype=np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    figure, axes = _figure(width=1.6 + 0.62 * len(columns), height=1.4 + 0.42 * len(rows))
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for row, column in np.argwhere(counts > 0).tolist():
        tint = "white" if share[row, column] > 0.6 else "black"
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=8, color=tint)
    axes.set_xticks(np.arange(len(columns)), columns, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(np.arange(len(rows)), rows, fontsize=8)
    axes.set_xlabel("told as")
    axes.set_ylabel("was")
    _save(figure, path)


def lines_by_name(
    table: Mapping[str, Mapping[str, float]], path: Path, *, across: str, label: str, logarithmic: bool = True
) -> None:
    """A line per column of `table` over its rows, in order, the vertical axis logarithmic by default; NaN is a gap."""
    names = list(table)
    figure, axes = _figure(width=6.5, height=3.4)
    for column in dict.fromkeys(key for name in names for key in table[name]):
        axes.plot(names, [table[name].get(column, np.nan) for name in names], marker="o", markersize=4, label=column)
    if logarithmic:
        axes.set_yscale("log")
    axes.set_xlabel(across)
    axes.set_ylabel(label)
    axes.legend(fontsize=7, frameon=False)
    _save(figure, path)


def dots_by_cost(table: Mapping[str, Mapping[str, float]], path: Path, *, cost: str, value: str, across: str, label: str) -> None:
    """A dot per row of `table`: its `value` with its interval (`<value>_low`, `<value>_high`) against its `cost`."""
    figure, axes = _figure(width=7.0, height=4.0)
    markers = "osD^vP*XpHd<>"
    for place, (name, row) in enumerate(table.items()):
        error = np.abs([[row[value] - row[f"{value}_low"]], [row[f"{value}_high"] - row[value]]])
        axes.errorbar(
            [row[cost]], [row[value]], yerr=error, fmt=markers[place % len(markers)], markersize=6, linewidth=0.7, label=name
        )
    axes.set_xlabel(across)
    axes.set_ylabel(label)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, path)


def moves_against_overload(table: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """By site, each policy's overload minutes a day (logarithmic) against its moves per device and day: lower left is better."""
    figure, all_axes = _figure(width=7.0, height=2.4 * len(table), rows=len(table), sharex=False)
    for axes, (site, policies) in zip(np.atleast_1d(all_axes), table.items(), strict=True):
        for name, figures in policies.items():
            at = (figures["moves_per_device_day"], max(figures["overload_minutes_per_day"], 0.1))
            axes.plot(*at, "o", color=TINT.get(name, "#808080"))
            axes.annotate(name, at, xytext=(5, 3), textcoords="offset points", fontsize=7)
        axes.set_xscale("symlog", linthresh=0.01)
        axes.set_yscale("log")
        axes.set_title(site, fontsize=8)
        axes.set_ylabel("overload min/day", fontsize=7)
        axes.tick_params(labelsize=7)
    np.atleast_1d(all_axes)[-1].set_xlabel("moves per device and day")
    _save(figure, path)


def before_and_after(before: Mapping[str, float], after: Mapping[str, float], path: Path, *, label: str) -> None:
    """Two dots per gateway, before and after, with the line at which it is full; gateways in order of load before."""
    names = sorted(before, key=lambda name: before[name])
    figure, axes = _figure(width=6.5, height=3.2)
    axes.plot([before[name] for name in names], "o", color=OTHER, markeredgecolor="#808080", label="before")
    axes.plot([after.get(name, 0.0) for name in names], "o", color=TINT["tidegate"], markersize=4, label="after")
    axes.axhline(1.0, color="#c0392b", linewidth=0.8)
    axes.set_xticks([])
    axes.set_xlabel("gateways, by load before")
    axes.set_ylabel(label)
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def histogram(values: Float64, path: Path, *, label: str) -> None:
    """A histogram on a logarithmic axis, with median and 99th percentile marked."""
    positive = np.maximum(values, 0.1)
    figure, axes = _figure(width=6.5, height=2.8)
    edges = np.geomspace(positive.min(), positive.max() * 1.01, 50)
    axes.hist(positive, bins=edges.tolist(), color=TINT["tidegate"])
    for level, style in ((0.5, "-"), (0.99, "--")):
        at = float(np.quantile(positive, level))
        axes.axvline(at, color="#c0392b", linestyle=style, linewidth=0.9, label=f"{level:.0%}: {at:.1f}")
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("requests")
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def score_strip(surprise: Float64, labels: NDArray[np.bool_], alarms: Sequence[int], path: Path, *, title: str) -> None:
    """Surprise of one device over time, labelled stretches shaded, alarms marked; thinned to 4,000 points by block maximum."""
    figure, axes = _figure(width=8.0, height=2.4)
    block = max(1, len(surprise) // 4_000)
    kept = len(surprise) // block * block
    peaks = np.fmax.reduce(surprise[:kept].reshape(-1, block), axis=1)
    axes.plot(np.arange(len(peaks)) * block, peaks, linewidth=0.5, color=TINT["tidegate"])
    for start, end in segments(labels):
        axes.axvspan(start, end, color="#f5b7b1", linewidth=0)
    if len(alarms):
        axes.plot(alarms, np.full(len(alarms), np.nanmax(peaks) * 1.05), "v", color="#c0392b", markersize=4)
    axes.set_xlabel("reading")
    axes.set_ylabel("surprise (decades)")
    axes.set_title(title, fontsize=9)
    _save(figure, path)


def over_time(
    at: Sequence[float], panels: Mapping[str, Sequence[float]], path: Path, *, label: str, shaded_until: float = 0.0
) -> None:
    """One line per panel over the same axis, each from 0 up, one above the other; `shaded_until` is the warm-up."""
    figure, all_axes = _figure(width=7.0, height=1.3 * len(panels), rows=len(panels))
    for axes, (name, values) in zip(all_axes, panels.items(), strict=True):
        axes.plot(at, values, linewidth=0.9, color=TINT["tidegate"])
        axes.axvspan(0.0, shaded_until, color=OTHER, alpha=0.5, linewidth=0)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(name, fontsize=7)
        axes.tick_params(labelsize=7)
    all_axes[-1].set_xlabel(label)
    _save(figure, path)


def _figure(*, width: float, height: float, rows: int = 1, sharex: bool = True) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # an extra; see the module
    except ImportError as error:
        raise DependencyError("plots need matplotlib", advice="pip install 'tidegate[evaluate]'") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, sharex=sharex)
    for each in [axes] if rows == 1 else axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    """Write an SVG that is the same for the same data: no date, no random ids."""
    import matplotlib as mpl  # noqa: PLC0415  # an extra; see the module

    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "tidegate", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
