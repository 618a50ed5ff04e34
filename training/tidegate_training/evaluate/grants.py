"""What grants cost and give where gateways hold devices to them: renewed in place, and set by moves only.

The service decides, gateways hold devices to what it granted, and what devices then use is all that it sees next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.forecaster import Forecaster
from tidegate.fleet.series import Series
from tidegate_training.evaluate.allocation import SITE, Case, cases, decisions
from tidegate_training.evaluate.backtest_tally import MINUTES_PER_DAY
from tidegate_training.evaluate.held import HeldService
from tidegate_training.evaluate.paired import DRAWS, blocks_of
from tidegate_training.evaluate.policies import Int64
from tidegate_training.evaluate.scenario import Float64, build_scenario, common_traces

SHORT: Final = 0.01
"""Share of its need by which a device has to fall short to count as short."""

NOTES: Final = (
    "Trace-driven synthetic, as the allocation backtest: recorded demand of VMs, EUA's places, assumed capacities and reach. "
    "Gateways hold their devices to their grants: a device uses what it needs as far as its grant goes, what it could not use is "
    "lost, and its readings, which are all that the service sees, say nothing of it.",
    "renewed: as shipped. by moves only: allocation.renew_grants off, so that a grant is what a device asked when it last moved; "
    "devices that have not moved have none, and are held to their gateway's capacity only, as they would be without grants.",
    "Figures are of the second half of each recording. The constants were chosen on days 4 to 8 of bitbrains-vm, with a look at "
    "bitbrains-vm-dense, which therefore is no held-out one.",
    "lost_percent: what could not be used of what was needed. could_not_be_given_percent: the same had the gateways shared out "
    "fairly whatever is used, to the same devices. short_minutes: minutes a day in which a device got at least a hundredth less "
    "than it needed. granted_to_used: what was set aside over what was used. renewals: grants set anew in place, per device and "
    "day, over the whole recording, as are moves.",
    "renewed_less_by_moves_only: difference in percent lost, [difference, low, high], negative is better, 95 % by a bootstrap "
    "over blocks of a day (a half, a quarter … where there are few days), the same blocks for both.",
)


@dataclass(frozen=True, slots=True)
class Loop:
    """One way to set grants over T intervals: `needed`, `used`, `could`, `granted` float64 [T, device, resource]."""

    needed: Float64
    used: Float64
    could: Float64
    granted: Float64
    renewals_per_device_day: float
    moves_per_device_day: float


def run_grants(
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    *,
    days: float | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Figures by case: the first group of devices that were there together, under each way to set grants.

    Raises:
        InputError: no series with demand in `folder`.
    """
    figures = {}
    for case in cases(folder, configuration):
        limit = min((each for each in (case.days, days) if each is not None), default=None)
        figures[case.name] = _figures(folder, replace(case, days=limit), configuration, forecaster, progress)
    return figures


def _figures(
    folder: Path,
    case: Case,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    taken, minutes = case.groups[0], configuration.profiles[case.groups[0][0].profile].interval_seconds / 60
    ways = {
        "renewed": configuration,
        "by moves only": replace(configuration, allocation=replace(configuration.allocation, renew_grants=False)),
    }
    loops: dict[str, Loop] = {}
    resources: list[str] = []
    for name, configured in ways.items():
        shown = partial(_shown, progress, f"{case.name}, grants {name}")
        loops[name], resources = _loop(folder, case, taken, configured, forecaster, shown)
    steps = len(loops["renewed"].needed)
    held_out = np.arange(steps // 2, steps)
    blocks = blocks_of(held_out, round(MINUTES_PER_DAY / minutes))
    return {
        "devices": loops["renewed"].needed.shape[1],
        "days": steps * minutes / MINUTES_PER_DAY,
        "held_out_days": len(held_out) * minutes / MINUTES_PER_DAY,
        "site": {
            name: {"renewals": loop.renewals_per_device_day, "moves": loop.moves_per_device_day} for name, loop in loops.items()
        },
        **{
            resource: {name: figures_of(loop, held_out, at) for name, loop in loops.items()}
            for at, resource in enumerate(resources)
        },
        "renewed_less_by_moves_only": {
            resource: difference(loops["renewed"], loops["by moves only"], blocks, at) for at, resource in enumerate(resources)
        },
    }


def _loop(
    folder: Path,
    case: Case,
    taken: list[Series],
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Callable[[int, int], None],
) -> tuple[Loop, list[str]]:
    """The devices `taken` under one configuration, and the resources that they need, in order."""
    profile = configuration.profiles[taken[0].profile]
    steps = None if case.days is None else round(case.days * 86_400 / profile.interval_seconds)
    traces = common_traces(taken, profile, steps=steps)
    scenario = build_scenario(folder, SITE, traces, devices_per_gateway=case.devices_per_gateway)
    service = HeldService(scenario, configuration, forecaster)
    count = len(decisions(service, scenario, progress))
    device_days = count * profile.interval_seconds / 86_400 * len(traces.series)
    loop = Loop(
        needed=np.nan_to_num(traces.demand[:count]),
        used=service.used[:count],
        could=service.could[:count],
        granted=service.granted[:count],
        renewals_per_device_day=service.renewals / device_days,
        moves_per_device_day=service.record.moves / device_days,
    )
    return loop, traces.resources


def figures_of(loop: Loop, chosen: Int64, at: int) -> dict[str, float | None]:
    """Figures of the resource `at` over the intervals `chosen`."""
    needed, used = loop.needed[chosen, :, at], loop.used[chosen, :, at]
    return {
        "lost_percent": _lost_percent(loop, chosen, at),
        "could_not_be_given_percent": _percent(loop.needed, loop.could, chosen, at),
        "short_minutes": float((used < needed * (1.0 - SHORT)).mean() * MINUTES_PER_DAY),
        "granted_to_used": float(loop.granted[chosen, :, at].sum() / used.sum()) if used.any() else None,
    }


def _lost_percent(loop: Loop, chosen: Int64, at: int) -> float:
    return _percent(loop.needed, loop.used, chosen, at)


def _percent(needed: Float64, given: Float64, chosen: Int64, at: int) -> float:
    """What of `needed` was not `given`, in percent; 0 where nothing was needed."""
    total = needed[chosen, :, at].sum()
    return float(100.0 * (total - given[chosen, :, at].sum()) / total) if total else 0.0


def difference(ours: Loop, theirs: Loop, blocks: Sequence[Int64], at: int) -> list[float]:
    """The percent lost of the resource `at` by `ours` less that by `theirs`: [difference, low, high]."""
    random = np.random.default_rng(0)

    def less(chosen: Int64) -> float:
        return _lost_percent(ours, chosen, at) - _lost_percent(theirs, chosen, at)

    drawn = [less(np.concatenate([blocks[k] for k in random.integers(0, len(blocks), len(blocks))])) for _ in range(DRAWS)]
    return [less(np.concatenate(blocks)), *np.quantile(drawn, [0.025, 0.975]).tolist()]


def _shown(progress: Callable[[str, int, int], None], what: str, done: int, total: int) -> None:
    progress(what, done, total)
