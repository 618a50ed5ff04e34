"""The study: every solver on every data set from several random states, against the exact optimum. Writes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import process_time
from typing import Any, Final

import numpy as np

from tidegate.errors import InputError
from tidegate_training.evaluate.progress import Report
from tidegate_training.study.irap.economics import economics
from tidegate_training.study.irap.genetic import genetic
from tidegate_training.study.irap.herd import Genes, price
from tidegate_training.study.irap.instance import SIZES, Instance, make_instance
from tidegate_training.study.irap.optimum import optimal_genes
from tidegate_training.study.irap.ours import own_cost, planned
from tidegate_training.study.irap.search import Found, Search
from tidegate_training.study.irap.start import cluster
from tidegate_training.study.irap.whales import unclustered_whales, whales

SOLVERS: Final[Mapping[str, Search]] = {
    "ga": genetic,
    "seira": economics,
    "woa": whales,
    "woa_random_start": unclustered_whales,
    "tidegate": planned,
}
"""By the name of their figures; `woa` starts clustered, as the paper's does."""

HERDS: Final = ("DS1", "DS5", "DS8")
"""Data sets of the paper's tables of whales against rounds."""

ROUNDS: Final = (1, 10, 100, 1_000)
"""Rounds of that table, the paper's; one round is the start alone, no search at all."""

HERD_SHARE: Final = 10
"""That table is made with one in so many of the evaluations: it is about proportions, and one round's herd must fit in memory."""


@dataclass(frozen=True, slots=True)
class Run:
    """One search: what it `found`, the cost of its resources' links with their penalty, its fullest gateway, and CPU seconds."""

    found: Found
    resource_cost: float
    fullest: float
    seconds: float


def run_study(datasets: Sequence[str], *, random_states: int, evaluations: int, report: Report) -> dict[str, Any]:
    """Figures by data set and solver, then starts, whales against rounds, and which of the paper's orderings hold.

    Each search prices at most `evaluations` solutions; the planner has its own budget. The same arguments give the
    same figures, seconds aside.

    Raises:
        InputError: an unknown data set, or none.
    """
    if not datasets:
        raise InputError("no data set", advice=f"some of {', '.join(SIZES)}")
    instances = {name: make_instance(name) for name in datasets}
    figures: dict[str, Any] = {}
    starts, herds, own = {}, {}, {}
    for name, instance in instances.items():
        best = optimal_genes(instance)
        runs = {}
        for place, (solver, search) in enumerate(SOLVERS.items()):
            runs[solver] = _runs(instance, search, random_states, evaluations)
            report(name, place + 1, len(SOLVERS) + (name in HERDS))
        figures[name] = {"optimum": _cost(instance, best)} | {
            solver: solver_figures(instance, best, taken) for solver, taken in runs.items()
        }
        starts[name] = start_figures(instance, best, runs["woa"], runs["woa_random_start"])
        own[name] = own_figures(instance, best, runs["tidegate"])
        if name in HERDS:
            herds[name] = herd_figures(instance, random_states, evaluations)
            report(name, len(SOLVERS) + 1, len(SOLVERS) + 1)
    figures |= {"clustering": starts, "whales_against_rounds": herds, "planners_own_cost": own}
    figures["orderings"] = orderings(figures, datasets)
    return figures


def solver_figures(instance: Instance, optimal: Genes, runs: Sequence[Run]) -> dict[str, float | int]:
    """What a solver's `runs` came to. Standard deviations are of the sample; gaps in percent above the optimum.

    `resource_gap_percent_mean` compares resources alone, links and penalty, where nothing of the gateways' part is seen.
    """
    costs, optimum = np.array([run.found.cost for run in runs]), _cost(instance, optimal)
    owned = resource_cost(instance, optimal)
    return {
        "best": float(costs.min()),
        "mean": float(costs.mean()),
        "std": float(costs.std(ddof=1)) if len(costs) > 1 else float("nan"),
        "gap_percent_mean": _gap(costs.mean(), optimum),
        "resource_gap_percent_mean": _gap(_mean(run.resource_cost for run in runs), owned),
        "fullest_gateway_mean": _mean(run.fullest for run in runs),
        "evaluations": max(run.found.evaluations for run in runs),
        "seconds_mean": _mean(run.seconds for run in runs),
    }


def start_figures(instance: Instance, optimal: Genes, clustered: Sequence[Run], random: Sequence[Run]) -> dict[str, float]:
    """Best of the first generation and of all, with and without clustering, means; and what the clustering itself costs."""
    return {
        "clustered_first": _mean(run.found.first_cost for run in clustered),
        "clustered_final": _mean(run.found.cost for run in clustered),
        "random_first": _mean(run.found.first_cost for run in random),
        "random_final": _mean(run.found.cost for run in random),
        "cluster_itself_gap_percent": _gap(_cost(instance, cluster(instance)), _cost(instance, optimal)),
    }


def herd_figures(instance: Instance, random_states: int, evaluations: int) -> dict[str, dict[str, float | int]]:
    """Mean final cost by rounds, at the same number of evaluations: many whales for few rounds, or the reverse."""
    budget, table = evaluations // HERD_SHARE, {}
    for rounds in (rounds for rounds in ROUNDS if budget >= 2 * rounds):
        count = budget // rounds
        taken = _runs(instance, partial(whales, count=count), random_states, count * rounds)
        table[f"{rounds} rounds"] = {"whales": count, "rounds": rounds, "mean": _mean(run.found.cost for run in taken)}
    return table


def own_figures(instance: Instance, optimal: Genes, runs: Sequence[Run]) -> dict[str, float]:
    """The planner's plans and the exact assignment by the planner's own goal, which prices congestion besides links.

    A gap below 0 says that the planner found what it looks for, and that it looks for something else than the problem does.
    """
    ours, exact = _mean(own_cost(instance, run.found.genes) for run in runs), own_cost(instance, optimal)
    return {"tidegate_mean": ours, "exact_assignment": exact, "gap_percent": _gap(ours, exact)}


def orderings(figures: Mapping[str, Any], datasets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Which orderings of the paper hold here, by data set; true only where it holds for the means."""
    small, large = (["DS1", "DS2", "DS3"], ["DS4", "DS5", "DS6", "DS7", "DS8"])
    starts, herds = figures["clustering"], figures["whales_against_rounds"]

    def mean(name: str, solver: str) -> float:
        return float(figures[name][solver]["mean"])

    claims: dict[str, tuple[list[str], Callable[[str], bool]]] = {
        "ga, seira and woa tie": (small, lambda name: len({figures[name][each]["best"] for each in ("ga", "seira", "woa")}) == 1),
        "woa ≤ ga": (large, lambda name: mean(name, "woa") <= mean(name, "ga")),
        "woa ≤ seira": (large, lambda name: mean(name, "woa") <= mean(name, "seira")),
        "seira ≤ ga": (large, lambda name: mean(name, "seira") <= mean(name, "ga")),
        "woa without clustering > ga": (large, lambda name: mean(name, "woa_random_start") > mean(name, "ga")),
        "clustering lowers the first generation": (
            list(SIZES),
            lambda name: starts[name]["clustered_first"] < starts[name]["random_first"],
        ),
        "clustering lowers the final": (large, lambda name: starts[name]["clustered_final"] < starts[name]["random_final"]),
        "more rounds beat more whales": (list(HERDS), lambda name: _falls([each["mean"] for each in herds[name].values()])),
    }
    held = {claim: {name: true(name) for name in over if name in datasets} for claim, (over, true) in claims.items()}
    return {
        claim: {"holds": sum(found.values()), "of": len(found), "not on": [name for name, true in found.items() if not true]}
        for claim, found in held.items()
    }


def resource_cost(instance: Instance, genes: Genes) -> float:
    """What the resources' part of a solution costs: links and penalty for what is above capacity."""
    owner = genes[instance.gateways :].astype(np.int64)
    loads = np.bincount(owner, minlength=instance.gateways)
    above = np.maximum(loads - instance.capacity, 0).sum()
    return float(instance.access[owner, np.arange(instance.resources)].sum() + instance.penalty * above)


def _runs(instance: Instance, search: Search, random_states: int, evaluations: int) -> list[Run]:
    return [_run(instance, search, evaluations, state) for state in range(random_states)]


def _run(instance: Instance, search: Search, evaluations: int, random_state: int) -> Run:
    began = process_time()
    found = search(instance, evaluations=evaluations, random_state=random_state)
    seconds = process_time() - began
    loads = np.bincount(found.genes[instance.gateways :], minlength=instance.gateways)
    return Run(found, resource_cost(instance, found.genes), float(loads.max()) / instance.capacity, seconds)


def _cost(instance: Instance, genes: Genes) -> float:
    return float(price(instance, genes[None]).cost[0])


def _gap(cost: float, optimum: float) -> float:
    return 100 * (float(cost) / optimum - 1) if optimum > 0 else float("nan")


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _falls(means: Sequence[float]) -> bool:
    """Whether each of `means` is below the one before."""
    return all(after < before for before, after in pairwise(means))
