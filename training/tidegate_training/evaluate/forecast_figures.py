"""From judged forecasts to figures: pinball ratios to the naive forecasts and coverage, each with its interval."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tidegate.contracts.codec import digest
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.forecast import HORIZONS
from tidegate.core.forecaster import Forecaster
from tidegate_training.evaluate.figures import bootstrap_interval
from tidegate_training.evaluate.forecast import AR, LAST, SEASONAL, TIDEGATE, Judged

NAIVE: Final = (LAST, SEASONAL)

NOTES: Final = (
    "Demand by the shipped profile (CPU, memory, bandwidth) of each VM, forecast by the service reading by reading for 1, 3, 12 "
    "and 36 intervals of 5 minutes; judged is the last 15 % of each trace, which no training saw.",
    "Pinball loss is the mean over seven levels (.01 to .99) and known targets. Ratios are geometric means over (VM, resource) "
    "of Tidegate's loss to the rival's, below 1 is better; intervals are 95 %, bootstrap over these. Series that are constant in "
    "the judged part are left out.",
    "Coverage is the share of targets within the 5 to 95 % band; .90 is right. Its interval is a bootstrap over (VM, resource).",
    "Naive forecasts (last value, the value a day before) take quantiles from their own errors on the 85 % before; best_naive is "
    "the one harder to beat. AR, which is not naive: 8 earlier values by least squares, for each horizon by itself.",
    "unseen_vms were held out of training whole; they are few. Bandwidth is a sum of two metrics whose quantiles are added, "
    "which is too wide where they do not rise together. VMs are not IoT devices: trace-driven.",
)


def forecast_figures(judged: Sequence[Judged], configuration: CoreConfiguration, forecaster: Forecaster) -> dict[str, Any]:
    """The figures as a results file holds them: ratios and coverage, of unseen VMs, of seen ones, by resource and horizon."""
    groups: dict[str, Callable[[Judged], bool]] = {
        "all": lambda _: True,
        "unseen_vms": lambda one: one.unseen,
        "seen_vms": lambda one: not one.unseen,
    }
    resources = sorted({one.resource for one in judged})
    return {
        "bundle": forecaster.identity,
        "tier": forecaster.manifest.tier,
        "configuration_digest": digest(configuration)[:12],
        "series": len(judged),
        "overall": {name: summary([one for one in judged if chosen(one)]) for name, chosen in groups.items()},
        "by_resource": {name: summary([one for one in judged if one.resource == name]) for name in resources},
        "by_horizon": {f"{h} intervals": summary(judged, column) for column, h in enumerate(HORIZONS)},
    }


def summary(judged: Sequence[Judged], horizon: int | None = None) -> dict[str, float | int | str]:
    """Ratio to each naive forecast and to the best of them (the one with the greater ratio), and coverage, with intervals.

    `horizon` picks a column of `HORIZONS`; None takes all, each series' losses summed over them.
    """

    def ratio(rival: str) -> tuple[float, float, float]:
        pairs = [(_loss(one, TIDEGATE, horizon), _loss(one, rival, horizon)) for one in judged if rival in one.loss]
        logs = np.array([np.log(ours / theirs) for ours, theirs in pairs if ours > 0 and theirs > 0])
        low, high = bootstrap_interval(logs)
        return (float(np.exp(logs.mean())) if len(logs) else np.nan), float(np.exp(low)), float(np.exp(high))

    ratios = {name: ratio(name) for name in (*NAIVE, AR)}
    told = {name: values for name, values in ratios.items() if name in NAIVE and np.isfinite(values[0])}
    best = max(told, key=lambda name: told[name][0]) if told else ""
    covered = np.array([one.covered.mean() if horizon is None else one.covered[horizon] for one in judged])
    low, high = bootstrap_interval(covered)
    row: dict[str, float | int | str] = {"series": len(judged), "best_naive": best}
    row |= dict(zip(("pinball_ratio", "pinball_ratio_low", "pinball_ratio_high"), told.get(best, (np.nan,) * 3), strict=True))
    row |= {f"ratio_to_{name.replace(' ', '_')}": values[0] for name, values in ratios.items()}
    return {**row, "coverage_90": float(covered.mean()) if len(covered) else np.nan, "coverage_low": low, "coverage_high": high}


def _loss(one: Judged, name: str, horizon: int | None) -> float:
    return float(one.loss[name].sum() if horizon is None else one.loss[name][horizon])
