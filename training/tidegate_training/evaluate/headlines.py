"""The table of promises: each figure picked from the results files of the studies, with its interval and its floor.

Computes nothing: a figure that no file has is left out, so that the table never holds what was not measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate_training.evaluate.figures import bootstrap_interval
from tidegate_training.evaluate.results import Results, read

TIDEGATE: Final = "tidegate"
NO_BASELINE: Final = (TIDEGATE, "always-alarm")


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure with its 95 % interval where one is known, the floor it should reach (in words), and the study it is from."""

    figure: str
    value: float | None
    low: float | None
    high: float | None
    floor: str
    source: str


def headlines(folder: Path) -> dict[str, dict[str, Any]]:
    """What the results files in `folder` say about each promise, in the order of the promises."""
    found = {path.stem: read(path) for path in sorted(folder.glob("*.json"))}
    rows = [row for source, pick in PICKS.items() if source in found for row in pick(found[source], source)]
    return {
        row.figure: {
            "value": row.value,
            "low": row.low,
            "high": row.high,
            "floor": row.floor,
            "study": row.source,
            "commit": found[row.source].commit,
        }
        for row in rows
    }


def _nab(results: Results, source: str) -> Iterator[Headline]:
    standard, low_fp = results.figures["standard"][TIDEGATE], results.figures["low_fp"][TIDEGATE]
    for figure, row, way, floor in (
        ("nab_standard_shipped", standard, "shipped", "60"),
        ("nab_standard_optimised", standard, "optimised", "63"),
        ("nab_standard_cross_fitted", standard, "cross_fitted", ""),
        ("nab_low_fp", low_fp, "shipped", "52"),
    ):
        yield Headline(figure, row[way], row[f"{way}_low"], row[f"{way}_high"], floor, source)
    alarms = results.figures["shipped_alarms"][TIDEGATE]
    yield _ranged("nab_fp_per_series_day", alarms, "false_alarms_per_series_day", "at most 0.15", source)


def _detection(results: Results, source: str) -> Iterator[Headline]:
    series = results.figures["vus_pr_by_series"]
    machines = [row for name, row in series.items() if name.startswith(("smd/", "asd/")) and _both(row)]
    better = sum(row[TIDEGATE] > row["PCA"] for row in machines)
    yield Headline("smd_asd_machines_better_than_pca_a", better, None, None, f"of {len(machines)}; goal 8 of 10", source)
    for figure, name in (("smd_asd_vus_pr_mean", TIDEGATE), ("pca_vus_pr_mean", "PCA")):
        values = np.array([row[name] for row in machines])
        low, high = bootstrap_interval(values)
        yield Headline(figure, float(values.mean()) if len(values) else None, low, high, "PCA's mean", source)
    kpi = results.figures["data_sets"].get("kpi", {})
    if TIDEGATE in kpi:
        yield _ranged("kpi_event_f1", kpi[TIDEGATE], "event_f1", "the best baseline's", source)
        best = max((name for name in kpi if name not in NO_BASELINE), key=lambda name: kpi[name]["event_f1"] or 0.0, default=None)
        if best is not None:
            yield _ranged("kpi_best_baseline_f1", kpi[best], "event_f1", best, source)
    if quiet := results.figures.get("quiet_alerts"):
        yield _ranged("quiet_alert_ratio", quiet, "times_budget", "at most 2", source)


def _robustness(results: Results, source: str) -> Iterator[Headline]:
    if TIDEGATE in results.figures["sensor_loss"]:
        yield _ranged("sensor_loss_f1_drop", results.figures["sensor_loss"][TIDEGATE], "drop", "at most 0.20", source)
        shifts = results.figures["level_shifts"][TIDEGATE]
        yield Headline("shift_delay_median", shifts["delay_median"], None, None, "at most 10 readings", source)


def _forecast(results: Results, source: str) -> Iterator[Headline]:
    row = results.figures["overall"]["unseen_vms"]
    yield _ranged("demand_pinball_ratio", row, "pinball_ratio", "at most 1.0", source)
    yield Headline("demand_coverage_90", row["coverage_90"], row["coverage_low"], row["coverage_high"], "0.80 to 0.97", source)


def _classifier(results: Results, source: str) -> Iterator[Headline]:
    blocks = results.figures["blocks"]
    trees = {name: row for name, row in blocks.items() if name.endswith(("trees", "forest"))}
    best = max(trees.values(), key=lambda row: row["macro_f1"])
    floor = "the best trees' - .03"
    for figure, row, said in (("rtiot_macro_f1", blocks.get("DNN"), floor), ("rtiot_best_tree_macro_f1", best, "")):
        if row is not None:
            yield Headline(figure, row["macro_f1"], row["macro_f1_min"], row["macro_f1_max"], said, source)


def _fitted(results: Results, source: str) -> Iterator[Headline]:
    machines = results.figures["fitted_less_other"]["PCA"]
    floor = f"of {machines['series']}; goal 8 of 10"
    yield Headline("smd_asd_machines_better_than_pca_b", machines["wins"], None, None, floor, source)


def _both(row: Mapping[str, float | None]) -> bool:
    return row.get(TIDEGATE) is not None and row.get("PCA") is not None


def _ranged(figure: str, row: Mapping[str, float], name: str, floor: str, source: str) -> Headline:
    return Headline(figure, row[name], row.get(f"{name}_low"), row.get(f"{name}_high"), floor, source)


PICKS: Final = {
    "nab": _nab,
    "detection": _detection,
    "fitted": _fitted,
    "classifier": _classifier,
    "robustness": _robustness,
    "forecast": _forecast,
}
"""By results file: which figures it has for the table."""
