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
from tidegate_training.evaluate.allocation import Case, cases, decisions, limited, reported, scenario_of
from tidegate_training.evaluate.backtest_tally import MINUTES_PER_DAY
from tidegate_training.evaluate.held import HeldService
from tidegate_training.evaluate.paired import blocks_of, intervals
from tidegate_training.evaluate.policies import Int64
from tidegate_training.evaluate.scenario import Float64, Scenario

SHORT: Final = 0.01
"""Share of its need by which a device has to fall short to count as short."""

NOTES: Final = (
    "Trace-driven synthetic, as the allocation backtest: recorded demand of VMs (PlanetLab's of its first day), EUA's places, "
    "assumed capacities and reach. "
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
    return {
        case.name: _figures(folder, limited(case, days), configuration, forecaster, partial(reported, progress, case.name))
        for case in cases(folder, configuration)
    }


def _figures(
    folder: Path,
    case: Case,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    report: Callable[[str, int, int], None],
) -> dict[str, Any]:
    scenario, minutes = scenario_of(folder, case, case.groups[0], configuration)
    ways = {
        "renewed": configuration,
        "by moves only": replace(configuration, allocation=replace(configuration.allocation, renew_grants=False)),
    }
    loops = {
        name: _loop(scenario, minutes, configured, forecaster, partial(report, f"grants {name}"))
        for name, configured in ways.items()
    }
    resources = scenario.traces.resources
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
        "renewed_less_by_moves_only": intervals(partial(_less, loops["renewed"], loops["by moves only"], resources), blocks),
    }


def _loop(
    scenario: Scenario,
    minutes: float,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Callable[[int, int], None],
) -> Loop:
    """The devices of `scenario` under one configuration."""
    service = HeldService(scenario, configuration, forecaster)
    count = len(decisions(service, scenario, progress))
    device_days = count * minutes / MINUTES_PER_DAY * len(scenario.topology.devices)
    return Loop(
        needed=np.nan_to_num(scenario.traces.demand[:count]),
        used=service.used[:count],
        could=service.could[:count],
        granted=service.granted[:count],
        renewals_per_device_day=service.renewals / device_days,
        moves_per_device_day=service.record.moves / device_days,
    )


def figures_of(loop: Loop, chosen: Int64, at: int) -> dict[str, float | None]:
    """Figures of the resource `at` over the intervals `chosen`."""
    needed, used = loop.needed[chosen, :, at], loop.used[chosen, :, at]
    return {
        "lost_percent": _lost_percent(loop, chosen, at),
        "could_not_be_given_percent": _percent(loop.needed, loop.could, chosen, at),
        "short_minutes": float((used < needed * (1.0 - SHORT)).mean() * MINUTES_PER_DAY),
        "granted_to_used": float(loop.granted[chosen, :, at].sum() / used.sum()) if used.any() else None,
    }


def _less(ours: Loop, theirs: Loop, resources: Sequence[str], chosen: Int64) -> dict[str, float]:
    """What `ours` loses in percent less what `theirs` does, by resource."""
    return {name: _lost_percent(ours, chosen, at) - _lost_percent(theirs, chosen, at) for at, name in enumerate(resources)}


def _lost_percent(loop: Loop, chosen: Int64, at: int) -> float:
    return _percent(loop.needed, loop.used, chosen, at)


def _percent(needed: Float64, given: Float64, chosen: Int64, at: int) -> float:
    """What of `needed` was not `given`, in percent; 0 where nothing was needed."""
    total = needed[chosen, :, at].sum()
    return float(100.0 * (total - given[chosen, :, at].sum()) / total) if total else 0.0
