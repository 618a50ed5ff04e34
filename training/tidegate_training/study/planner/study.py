"""The study: sizes, rivals, repair, whole fleets and their N-1 sweep, sites in trouble. Writes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import process_time
from typing import Any, Final

import numpy as np

from tidegate.contracts.studies import LossOutcome
from tidegate.core.allocation.frame import frame_of
from tidegate.core.allocation.headroom import headroom
from tidegate.core.allocation.planner import plan
from tidegate.errors import InputError
from tidegate_training.evaluate.progress import Report
from tidegate_training.study.planner.sites import Shape, one_dead, random_site, settled, view_of
from tidegate_training.study.planner.solvers import RIVALS, check_extra
from tidegate_training.study.planner.trials import case_of, peak_mib, planned, rivalled, summed_up, timed
from tidegate_training.study.planner.trouble import trouble_figures

EXACT_SITES: Final = 2
"""Random sites of each kind that exact solvers meet: they take their whole time limit on nearly all of them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is measured. `sizes` and `duels` by name; `fleet` and `mixed` are so many sites of one shape."""

    sizes: Mapping[str, Shape]
    duels: Mapping[str, Shape]
    repair: Shape
    fleet_sites: int
    fleet: Shape
    mixed_sites: int
    mixed: Shape


UNIFORM: Final = "100 × 800, 1 resource"
FOUR: Final = "100 × 800, 4 resources"

_SIZES: Final = ((10, 1_000), (100, 1_000), (100, 10_000), (1_000, 10_000), (1_000, 100_000))

FULL_SCOPE: Final = Scope(
    sizes={
        f"{devices:,} devices, {gateways:,} gateways, {resources} resource{'s' * (resources > 1)}": Shape(
            gateways, devices, min(gateways, 12), resources
        )
        for gateways, devices in _SIZES
        for resources in (1, 4)
    },
    duels={
        UNIFORM: Shape(100, 800, 100, 1),
        FOUR: Shape(100, 800, 100, 4),
        "100 × 800, 1 resource, 95 % full": Shape(100, 800, 100, 1, fullness=0.95),
        "20 × 160, 4 resources, 90 % full": Shape(20, 160, 20, 4, fullness=0.9),
        "20 × 160, 4 resources, correlated": Shape(20, 160, 20, 4, fullness=0.8, correlated=True),
        "10 × 80, 4 resources": Shape(10, 80, 10, 4),
    },
    repair=Shape(200, 10_000, 12, 4),
    fleet_sites=50,
    fleet=Shape(20, 2_000, 12, 4),
    mixed_sites=40,
    mixed=Shape(12, 90, 4, 2, fullness=0.85, mixed=1.0),
)
"""Gateways × devices. Sizes as in the project's goals for plans."""

QUICK_SCOPE: Final = Scope(
    sizes={
        "80 devices, 10 gateways, 1 resource": Shape(10, 80, 10, 1),
        "80 devices, 10 gateways, 4 resources": Shape(10, 80, 4, 4),
    },
    duels={UNIFORM: Shape(5, 40, 5, 1), FOUR: Shape(5, 40, 5, 4)},
    repair=Shape(10, 200, 4, 4, fullness=0.7),
    fleet_sites=2,
    fleet=Shape(5, 50, 5, 4, fullness=0.7),
    mixed_sites=2,
    mixed=Shape(5, 25, 3, 2, mixed=1.0),
)
"""Small ones under the same names, to see that it runs; its figures mean nothing."""


def limited(scope: Scope, largest: int | None) -> Scope:
    """`scope` without sizes of more than `largest` devices."""
    sizes = {name: shape for name, shape in scope.sizes.items() if largest is None or shape.devices <= largest}
    return replace(scope, sizes=sizes)


def run_study(scope: Scope, *, rivals: Sequence[str], random_states: int, seconds: float, report: Report) -> dict[str, Any]:
    """Headlines first, then tables. Exact rivals may take `seconds` for each goal of each site.

    Raises:
        InputError: an unknown rival.
        DependencyError: CP-SAT is asked for and OR-tools is not installed.
    """
    for name in rivals:
        if name not in RIVALS:
            raise InputError(f"no rival is called {name!r}", advice=f"some of {', '.join(RIVALS)}")
    if "cp-sat" in rivals:
        check_extra()
    duels = {}
    for place, (name, shape) in enumerate(scope.duels.items()):
        duels[name] = duel(shape, rivals, random_states, seconds)
        report("duels", place + 1, len(scope.duels))
    sizes = {}
    for place, (name, shape) in enumerate(scope.sizes.items()):
        sizes[name] = size_figures(shape, 1 if shape.devices > 10_000 else random_states)
        report("sizes", place + 1, len(scope.sizes))
    repair = repair_figures(scope.repair, random_states)
    report("repair", 1, 1)
    fleet = fleet_figures(scope, report)
    trouble = trouble_figures(scope.mixed, scope.mixed_sites, seconds, report)
    tables = {"duels": duels, "sizes": sizes, "repair": repair, "fleet": fleet, "trouble": trouble}
    return {**headlines(duels, repair, fleet), **tables}


def headlines(duels: Mapping[str, Any], repair: Mapping[str, Any], fleet: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are promised; `uniform_…_to_1pct` is NaN unless every site's links were within 1 % of their bound."""
    uniform, four = duels[UNIFORM]["planner"], duels[FOUR]["planner"]
    highs = duels[FOUR].get("highs", {})
    return {
        "uniform_100x800_seconds_to_1pct": uniform["seconds"] if uniform["links_gap_most"] <= 0.01 else np.nan,
        "uniform_100x800_links_gap": uniform["links_gap"],
        "four_resource_100x800_gap": four["gap"],
        "four_resource_100x800_highs_gap": highs.get("gap", np.nan),
        "four_resource_100x800_links_gap": four["links_gap"],
        "four_resource_100x800_highs_links_gap": highs.get("links_gap", np.nan),
        "four_resource_100x800_seconds": four["seconds"],
        "four_resource_100x800_highs_seconds": highs.get("seconds", np.nan),
        "full_100k_seconds": fleet["plan_seconds"],
        "repair_10k_ms": repair["milliseconds"],
        "n1_sweep_seconds": fleet["n1_seconds"],
    }


def duel(shape: Shape, rivals: Sequence[str], random_states: int, seconds: float) -> dict[str, dict[str, float | int]]:
    """The planner and its rivals on the same sites."""
    cases = [case_of(shape, state) for state in range(random_states)]
    found = {"planner": summed_up([planned(case) for case in cases])}
    for name in rivals:
        met = cases if name == "greedy" else cases[:EXACT_SITES]
        found[name] = summed_up([rivalled(case, RIVALS[name], seconds) for case in met])
    return found


def size_figures(shape: Shape, random_states: int) -> dict[str, float | int]:
    """The planner and the greedy rule on sites of one size, and the memory that a plan takes."""
    ours, plain = [], []
    for state in range(random_states):
        case = case_of(shape, state)
        ours.append(planned(case))
        plain.append(rivalled(case, RIVALS["greedy"], 0.0))
    ours_summed, greedy = summed_up(ours), summed_up(plain)
    request = random_site(shape, 0)
    return ours_summed | {
        "greedy_seconds": greedy["seconds"],
        "greedy_gap": greedy["gap"],
        "peak_mib": peak_mib(lambda: plan(request)),
    }


def repair_figures(shape: Shape, random_states: int) -> dict[str, float | int]:
    """One gateway of a settled site dies: milliseconds from the request to the plan, the topology in arrays from plans before."""
    requests = [one_dead(settled(random_site(shape, state))) for state in range(random_states)]
    known = [(request, frame_of(request.topology, request.situation.resources)) for request in requests]
    taken = 1e3 * np.concatenate([timed(partial(plan, *each), 3) for each in known])
    first = 1e3 * np.concatenate([timed(partial(plan, request), 1) for request in requests])
    plans = [plan(*each) for each in known]
    return {
        "milliseconds": float(np.median(taken)),
        "milliseconds_least": float(taken.min()),
        "milliseconds_most": float(taken.max()),
        "first_milliseconds": float(np.median(first)),
        "moves": float(np.mean([len(made.moves) for made in plans])),
        "unserved_most": max(len(made.unserved) for made in plans),
    }


def fleet_figures(scope: Scope, report: Report) -> dict[str, float | int]:
    """Every site planned from nothing, one after the other on one core, and then every gateway and domain lost in turn."""
    plan_seconds = n1_seconds = 0.0
    unserved = left_out = 0
    outcomes: Counter[LossOutcome] = Counter()
    for state in range(scope.fleet_sites):
        request = random_site(scope.fleet, state)
        began = process_time()
        unserved += len(plan(request).unserved)
        plan_seconds += process_time() - began
        view = view_of(settled(request))
        began = process_time()
        found = headroom(view)
        n1_seconds += process_time() - began
        outcomes.update(loss.outcome for loss in found.losses)
        left_out += len(found.not_computed)
        report("fleet", state + 1, scope.fleet_sites)
    return {
        "sites": scope.fleet_sites,
        "gateways": scope.fleet_sites * scope.fleet.gateways,
        "devices": scope.fleet_sites * scope.fleet.devices,
        "plan_seconds": plan_seconds,
        "unserved": unserved,
        "n1_seconds": n1_seconds,
        "n1_losses": outcomes.total(),
        "n1_survived": outcomes[LossOutcome.SURVIVED],
        "n1_proven_unplaceable": outcomes[LossOutcome.PROVEN_UNPLACEABLE],
        "n1_repair_failed": outcomes[LossOutcome.REPAIR_FAILED],
        "n1_not_computed": left_out,
    }
