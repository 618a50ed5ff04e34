"""What a reader must know to judge the study of models, and its plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate_training.evaluate import plots
from tidegate_training.evaluate.models.budget import Budget
from tidegate_training.evaluate.models.contenders import ABLATIONS
from tidegate_training.evaluate.models.speed import WATTS_PER_CORE
from tidegate_training.evaluate.models.study import SMOOTH


def notes(budget: Budget) -> list[str]:
    """Say how each figure came about."""
    return [
        f"Every model is trained on {budget.readings:,} readings ({budget.lanes} lanes, windows of {budget.window}, "
        f"{budget.updates * budget.epochs} updates, Adam, one rate for all) of the development series of the universal bundle, "
        f"from each of {len(budget.random_states)} random states: {budget.share_of_shipped:.2%} of what the shipped bundle could "
        "see, which stands beside them. Nothing was tuned for any of them; a model that wants more is wronged.",
        "Labelled series: SKAB and MSL, of which training reads nothing, and NAB files that the split holds out; at most "
        f"{budget.longest:,} rows each, listed as `series`. The train part is streamed as history, figures count on the rest.",
        "Surprise: distance from the median forecast one interval before, in half-widths of the 90 % band, clipped at 20, mean "
        "square over metrics; the autoencoder's is its mean square error over its window. It is not the service's surprise, "
        "which combines several streams. `over_32_readings` takes the mean of the last 32 surprises, of everybody alike.",
        "One alarm rule for all, baselines included: the threshold that spends the profile's budget on the later half of the "
        "train part, declustered as the service's alarms are.",
        "Intervals: bootstrap over series (95 %, 2,000 draws), random states put together first. Differences are paired over "
        "series; twelve of them are looked at together, so one interval just beside 0 is no finding.",
        "held_out: pinball loss in units of each row's usual movement, on lanes from series and times that training never saw, "
        "mean over levels, weighted over horizons; `least` and `most` over random states. The autoencoder forecasts nothing.",
        "Accuracy and recall of classes do not apply to series without classes; the papers' tables of them are redone for flow "
        "records on the classifier page. The DNN here has the DNN paper's layers over a window of 32 readings.",
        "ANNDRA is the paper's cell in a bounded form that can be streamed; `ANNDRA without …` leaves one term out, and "
        "`no term` all of them: what is left is an LSTM whose cell is a convex mixture.",
        "Times are CPU seconds of one thread of a machine that others used too; 10k and 100k are measured on the way, 1m is "
        "extrapolated from the median update. Latencies are medians of wall time: compare them, not more.",
        f"energy_estimate: CPU seconds × {WATTS_PER_CORE:g} W, an assumed draw of one busy core. No power was measured.",
    ]


def draw(figures: Mapping[str, Any], folder: Path, stem: str) -> dict[str, str]:
    """Draw accuracy against latency and training time against readings, ablations aside; file name → caption."""
    captions = {
        f"{stem}-latency.svg": "VUS-PR (over 32 readings, 95 % over series) against the latency of one record",
        f"{stem}-training.svg": "CPU seconds of training against readings trained on; 1m is extrapolated",
    }
    cost = {name: row for name, row in figures["cost"].items() if name not in ABLATIONS}
    accuracy = figures[SMOOTH]["accuracy"]
    points = {name: {"latency": row["latency_us_batch_1"], **accuracy[name]} for name, row in cost.items()}
    latency, training = (folder / name for name in captions)
    plots.dots_by_cost(points, latency, cost="latency", value="vus_pr", across="µs for one record", label="VUS-PR")
    sizes = ("10k", "100k", "1m_extrapolated")
    times = {size: {name: row[f"training_cpu_s_{size}"] for name, row in cost.items()} for size in sizes}
    plots.lines_by_name(times, training, across="readings", label="CPU seconds")
    return captions
