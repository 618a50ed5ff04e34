"""What a reader must know to judge the study, and its plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tidegate_training.evaluate import plots

NOTES: Final = (
    "Random sites: demand uniform and independent by resource, 5 to 25 in parts of equal capacities, link costs 10 to 50, total "
    "demand 80 % of total capacity where nothing else is said. Sites of the same random state are the same for every solver. "
    "correlated: a device's links are the cheaper the more it demands (type D of Chu and Beasley 1997, several resources).",
    "gap: cost per hour ÷ the bound of the linear relaxation (devices split at will) − 1, for the planner's own goal, which is "
    "links plus the price of congestion. links_gap: the same for links alone, the generalised assignment problem; the planner "
    "does not look for that, it gives some of it away for balance. Rivals solve each goal for itself, the planner only its own. "
    "Null where somebody is unserved, or the site is too large for the relaxation. No solver can be below 0; how far below the "
    "best whole assignment the bound lies is not known.",
    "seconds: CPU time of one thread; median, least and most over sites. The planner's run from the request in memory to a plan "
    "with reasons and digest, a rival's are of the solver alone, of the slower goal. HiGHS (scipy) and CP-SAT (OR-tools) run "
    "until their time limit or proof, on the first sites only (column sites); one goal not solved counts all devices unserved. "
    "Limits are of the clock, seconds of the processor: where a rival's seconds are far below the limit without a proof, other "
    "work was on the machine, and the rival was short of time.",
    "greedy: the largest device first, each to its cheapest gateway with room.",
    "Every answer is checked for capacity and reach from the arrays of the site, and scored by the service's `evaluate`.",
    "peak_mib: memory in use beyond the request, at most, by tracemalloc, in a run of its own.",
    "repair: a settled site loses a gateway; from the request to the plan, in a process that has the topology in arrays from "
    "plans before, as the service's has; first_milliseconds is without. fleet: all sites one after the other on one core, "
    "planned from nothing; then, settled, each gateway and each failure domain of five lost in turn. A domain is a quarter of "
    "a site that is 80 % full, so no plan can serve everybody without one: n1_proven_unplaceable counts losses with a proof of "
    "that, n1_repair_failed those where neither a plan nor a proof was found.",
    "trouble: settled sites of 12 gateways and 90 devices that reach four each, 85 % full in two resources, devices large and "
    "small (a standard deviation of 1 of the logarithm); summed over sites. A gateway dies or drains: devices on no open one. "
    "Two are asked for 30 % more by each of their devices: load beyond capacity, in shares of it. before: without any plan; "
    "greedy: who has to move, the largest first, to the cheapest gateway with room, nobody else moved; highs: what the best "
    "assignment leaves that HiGHS found in its time limit, however many devices it moves; least: what it proved that none leaves "
    "less than. Where both are equal that is the optimum.",
)


def draw(figures: Mapping[str, Any], folder: Path, stem: str) -> dict[str, str]:
    """Draw seconds and memory by size, and gaps by rival; file name → caption."""
    scaling: dict[str, dict[str, float]] = {}
    for name, found in figures["sizes"].items():
        devices, gateways, resources = name.split(", ")
        row = scaling.setdefault(f"{devices.removesuffix(' devices')}\n× {gateways.removesuffix(' gateways')}", {})
        row |= {f"planner, {resources}": found["seconds"], f"greedy, {resources}": found["greedy_seconds"]}
    gaps = {
        name.replace(", ", "\n"): {solver: found["gap"] * 100 for solver, found in solvers.items()}
        for name, solvers in figures["duels"].items()
    }
    plots.lines_by_name(scaling, folder / f"{stem}-scaling.svg", across="devices × gateways", label="seconds")
    plots.lines_by_name(gaps, folder / f"{stem}-gaps.svg", across="site", label="gap to the bound (%), own goal")
    return {
        f"{stem}-scaling.svg": "Seconds to a first placement by size of the site, one core",
        f"{stem}-gaps.svg": "Gap to the bound of the relaxation, links and congestion; no mark where somebody stayed unserved",
    }
