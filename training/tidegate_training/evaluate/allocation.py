"""The allocation backtest: a fleet's own recorded demand on gateways, served by Tidegate, by rivals, and left alone.

Each interval, a policy sees the readings so far and decides; what it decided is held against the *next* interval's demand.
The constants of the shipped policy were chosen on the first part of each recording: figures are of the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.forecast import HORIZONS
from tidegate.contracts.ids import SiteId
from tidegate.core.forecaster import Forecaster
from tidegate.errors import InputError
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.series import Series
from tidegate_training.evaluate.backtest_tally import HOURS_PER_DAY, MINUTES_PER_DAY, Judge, Tally, exceedance, unavoidable
from tidegate_training.evaluate.paired import blocks_of, differences
from tidegate_training.evaluate.policies import Clairvoyant, DoNothing, Greedy, Policy, Record, Service, initial_assignment
from tidegate_training.evaluate.scenario import (
    DENSE,
    DEVICES_PER_GATEWAY,
    Scenario,
    build_scenario,
    common_traces,
    replicated,
)

SITE: Final = SiteId("evaluation")

MAX_DEVICES: Final = 400
"""Devices taken of one profile at most, the first ones: PlanetLab has a thousand VMs a day."""

COPIES: Final = 3
"""Phase-shifted replicas that make a small recording dense."""

DENSE_DAYS: Final = 10.0
"""Days of a dense replay at most: three times the devices, a third of the time."""

NOTES: Final = (
    "Trace-driven synthetic: demand is recorded, of VMs and not of IoT devices; places are EUA's; capacity, reach, latency and "
    "cost are assumed. Dense sites have phase-shifted replicas of each VM: what one did at three times counts as three.",
    "Every policy sees the readings up to an interval, decides, and is judged on the next interval's recorded demand. "
    "do-nothing: every device stays at its nearest gateway. greedy: when a gateway is above capacity now, its heaviest devices "
    "go to the reachable gateway with most room. tidegate: the service's core as shipped (forecasts, planner, policy), with the "
    "planner's answer one second after its request. clairvoyant: the shipped search, shown the next interval's demand, "
    "moves free: a reference that nobody who sees only the past is expected to reach, and no proven bound.",
    "unavoidable_overload_minutes_per_day is proven: devices that alone need more than any gateway has. It counts for all.",
    "overload_minutes: minutes times gateways above capacity in any resource; excess_minutes: the same weighted by the excess as "
    "a share of capacity. latency_ms: mean over served device-intervals. moves: devices elsewhere than an interval before. "
    "cost_per_hour: links and congestion by the objective; move_cost_per_hour: each move its price for the payback time "
    "(not for the clairvoyant, who moves for nothing).",
    "held_out: settings (grant_quantile, payback_seconds) were chosen on the first half of the time, or on the first day of "
    "several recorded ones (of PlanetLab's, each day has VMs of its own). whole: all of it, the first readings included.",
    "tidegate_less_…: [difference, low, high], negative is better, 95 % by a bootstrap over blocks of a day (a half, a quarter … "
    "where there are few days), the same blocks for both.",
    "exceedance: share of gateways and resources whose load after the grant's horizon was above the sum set aside for the same "
    "devices; promised is 1 − grant_quantile, for each device alone. Sums of quantiles stand in for joint scenarios.",
    "plans_over_capacity and plans_out_of_reach are recomputed from each request, not taken from the planner.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet to replay. Recordings that were not there together (days of other VMs) are sites of their own, in turn."""

    name: str
    groups: list[list[Series]]
    devices_per_gateway: int = DEVICES_PER_GATEWAY
    days: float | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """One site under every policy: tallies and records by policy, and what was unavoidable, by interval."""

    scenario: Scenario
    judge: Judge
    tallies: dict[str, Tally]
    records: dict[str, Record]
    unavoidable: NDArray[np.float64]
    exceeded: tuple[NDArray[np.float64], NDArray[np.float64]]


def load_demand(folder: Path, configuration: CoreConfiguration) -> list[Series]:
    """The series of `folder` whose profile maps metrics to demand: of the profile with most resources, then most readings.

    Only those that overlap in time with the earliest one: VMs of another day were never there together.

    Raises:
        InputError: there is none.
    """
    found = _by_profile(folder, configuration)
    name = max(found, key=lambda name: (len(configuration.profiles[name].demand), sum(map(len, found[name]))))
    return next(_together(found[name]))


def _by_profile(folder: Path, configuration: CoreConfiguration) -> dict[str, list[Series]]:
    found: dict[str, list[Series]] = {}
    for series in iter_dataset(folder):
        profile = configuration.profiles.get(series.profile)
        if profile is not None and profile.demand:
            found.setdefault(series.profile, []).append(series)
    if not found:
        raise InputError(
            f"{folder}: no series whose profile says what it demands", advice="see the Bitbrains and PlanetLab formats"
        )
    return found


def _together(found: Sequence[Series]) -> Iterator[list[Series]]:
    """`found` in groups that overlap in time with their earliest, by time; `MAX_DEVICES` of each."""
    left = sorted(found, key=lambda series: int(series.event_time_ms[0]))
    while left:
        until = left[0].event_time_ms[-1]
        group = [series for series in left if series.event_time_ms[0] <= until]
        left = left[len(group) :]
        known = {id(series) for series in group}
        yield [series for series in found if id(series) in known][:MAX_DEVICES]


def cases(folder: Path, configuration: CoreConfiguration) -> list[Case]:
    """What is replayed: each profile as recorded, and a small fleet also as a dense one of replicas.

    Raises:
        InputError: no series with demand there.
    """
    made = []
    for name, found in sorted(_by_profile(folder, configuration).items()):
        groups = list(_together(found))
        made.append(Case(name, groups))
        if len(groups) == 1 and COPIES * len(groups[0]) <= MAX_DEVICES:
            made.append(Case(f"{name}-dense", [replicated(groups[0], COPIES)], DENSE, DENSE_DAYS))
    return made


def run_backtest(
    folder: Path,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    *,
    days: float | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[dict[str, list[Replay]], dict[str, Any]]:
    """Replay the demand of `folder` under each policy: replays and figures by case.

    Raises:
        InputError: no series with demand there.
    """
    replays, figures = {}, {}
    for case in cases(folder, configuration):
        report = partial(reported, progress, case.name)
        replays[case.name] = [
            replay(folder, limited(case, days), taken, configuration, forecaster, report) for taken in case.groups
        ]
        figures[case.name] = case_figures(replays[case.name], configuration)
    return replays, figures


def reported(progress: Callable[[str, int, int], None], case: str, policy: str, done: int, total: int) -> None:
    """Tell `progress` how far `policy` has come in `case`."""
    progress(f"{case}, {policy}", done, total)


def replay(
    folder: Path,
    case: Case,
    taken: list[Series],
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Replay:
    """One site of `case` under every policy."""
    scenario, minutes = scenario_of(folder, case, taken, configuration)
    service = Service(scenario, configuration, forecaster)
    policies = _policies(scenario, configuration, service)
    decided = {name: decisions(policy, scenario, partial(progress, name)) for name, policy in policies.items()}
    judge = Judge(scenario, minutes)
    horizon = next((each for each in HORIZONS if each >= configuration.allocation.forecast_horizon), HORIZONS[-1])
    return Replay(
        scenario=scenario,
        judge=judge,
        tallies={name: judge.tally(assigned, initial_assignment(scenario)) for name, assigned in decided.items()},
        records={name: policy.record for name, policy in policies.items()},
        unavoidable=unavoidable(scenario),
        exceeded=exceedance(service.requests, decided["tidegate"], scenario.traces.demand, horizon),
    )


def scenario_of(folder: Path, case: Case, taken: list[Series], configuration: CoreConfiguration) -> tuple[Scenario, float]:
    """The site of the devices `taken` of `case`, and the minutes of an interval."""
    profile = configuration.profiles[taken[0].profile]
    steps = None if case.days is None else round(case.days * 86_400 / profile.interval_seconds)
    traces = common_traces(taken, profile, steps=steps)
    scenario = build_scenario(folder, SITE, traces, devices_per_gateway=case.devices_per_gateway)
    return scenario, profile.interval_seconds / 60


def limited(case: Case, days: float | None) -> Case:
    """`case` with no more than `days` (None: any number) of it replayed."""
    return replace(case, days=min((each for each in (case.days, days) if each is not None), default=None))


def _policies(scenario: Scenario, configuration: CoreConfiguration, service: Service) -> dict[str, Policy]:
    return {
        "do-nothing": DoNothing(scenario),
        "greedy": Greedy(scenario),
        "tidegate": service,
        "clairvoyant": Clairvoyant(scenario, configuration),
    }


def decisions(policy: Policy, scenario: Scenario, progress: Callable[[int, int], None] = lambda *_: None) -> NDArray[np.int64]:
    """What `policy` decides after each interval but the last, int64 [T - 1, device]."""
    steps = len(scenario.traces.demand) - 1
    made = np.empty((steps, len(scenario.topology.devices)), np.int64)
    for step in range(steps):
        made[step] = policy.decide(step)
        if step % 50 == 0:
            progress(step + 1, steps + 1)
    progress(steps + 1, steps + 1)
    return made


def case_figures(replays: Sequence[Replay], configuration: CoreConfiguration) -> dict[str, Any]:
    """Figures of a case: all policies over the whole and over what was held out, paired differences there, exceedance."""
    joined = {name: _joined([each.tallies[name] for each in replays]) for name in replays[0].tallies}
    total = len(joined["tidegate"].moves)
    held_out = np.arange(total // 2 if len(replays) == 1 else len(replays[0].unavoidable), total)
    blocks = blocks_of(held_out, round(MINUTES_PER_DAY / joined["tidegate"].minutes))
    floor = np.concatenate([each.unavoidable for each in replays])
    return {
        "devices": sum(len(each.scenario.topology.devices) for each in replays),
        "gateways": len(replays[0].scenario.topology.gateways),
        "days": total * joined["tidegate"].minutes / MINUTES_PER_DAY,
        "held_out_days": len(held_out) * joined["tidegate"].minutes / MINUTES_PER_DAY,
        "blocks": len(blocks),
        "unavoidable_overload_minutes_per_day": float(floor[held_out].mean() * MINUTES_PER_DAY),
        "exceedance": _exceedance(replays, held_out, configuration),
        "held_out": {name: _figures(tally, held_out, replays[0].judge, configuration) for name, tally in joined.items()},
        "whole": {name: _totals(joined[name], replays, name) for name in joined},
        **{
            f"tidegate_less_{name.replace('-', '_')}": differences(joined["tidegate"], joined[name], blocks)
            for name in joined
            if name != "tidegate"
        },
    }


def _joined(tallies: Sequence[Tally]) -> Tally:
    """Sites one after the other, as if they were one."""
    first = tallies[0]
    columns = ("overloaded", "excess", "unserved", "served", "waited_ms", "moves", "cost_per_hour")
    arrays = {name: np.concatenate([getattr(tally, name) for tally in tallies]) for name in columns}
    return Tally(first.devices, first.minutes, **arrays)


def _figures(tally: Tally, chosen: NDArray[np.int64], judge: Judge, configuration: CoreConfiguration) -> dict[str, float]:
    figures = tally.of(chosen)
    moves_per_hour = figures["moves_per_device_day"] * tally.devices / HOURS_PER_DAY
    payback_hours = configuration.allocation.payback_seconds / 3600
    return {**figures, "move_cost_per_hour": judge.move_cost_per_hour(moves_per_hour, payback_hours)}


def _exceedance(
    replays: Sequence[Replay], held_out: NDArray[np.int64], configuration: CoreConfiguration
) -> dict[str, float | None]:
    times, chances = (np.concatenate([each.exceeded[part] for each in replays])[held_out] for part in (0, 1))
    share = float(times.sum() / chances.sum()) if chances.sum() else None
    return {"promised": round(1 - configuration.allocation.grant_quantile, 6), "held_out": share}


def _totals(tally: Tally, replays: Sequence[Replay], name: str) -> dict[str, float | int]:
    records = [each.records[name] for each in replays]
    seconds = [each for record in records for each in record.seconds] or [np.nan]
    return {
        "overload_minutes": float(tally.overloaded.sum() * tally.minutes),
        "excess_minutes": float(tally.excess.sum() * tally.minutes),
        "unserved_device_minutes": float(tally.unserved.sum() * tally.minutes),
        "latency_ms": float(tally.waited_ms.sum() / max(tally.served.sum(), 1)),
        "moves": int(tally.moves.sum()),
        "plans": sum(record.plans for record in records),
        "plans_over_capacity": sum(record.plans_over_capacity for record in records),
        "plans_out_of_reach": sum(record.plans_out_of_reach for record in records),
        "decision_ms_p50": 1000 * float(np.quantile(seconds, 0.5)),
        "decision_ms_p99": 1000 * float(np.quantile(seconds, 0.99)),
    }


def notes_of(replays: dict[str, list[Replay]]) -> list[str]:
    """What was assumed for each case, from its first site."""
    return [f"{name}: {note}" for name, of in replays.items() for note in of[0].scenario.notes]
