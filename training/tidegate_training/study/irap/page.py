"""What a reader must know to judge the study, and its two plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tidegate_training.evaluate import plots

NOTES: Final = (
    "Source (Sangaiah et al., Sensors 20(2):539, 2020): the sizes of DS1 to DS8, the encoding, the parts of the objective "
    "(links of resources, links of gateways, penalty), the names of the moves and the worked examples that our tests replay.",
    "Inference, ours: the data (places in a square; the paper's were not published), the penalty K × (resources above capacity "
    "+ parts of the gateways' graph − 1) with K the dearest link and capacity ⌈1.5 n ÷ m⌉, how many genes a move changes, the "
    "probabilities of search of prey, the random walk of a whale that has reached the best, the clustered start (15 % of "
    "genes kept), and all of GA and SEIRA but their ideas. So absolute costs cannot be compared with the paper's; orderings "
    "and gaps can.",
    "optimum: exact. Gateway genes and resource genes meet in no term, so the problem separates into an assignment (resources "
    "to capacity slots) and a minimum spanning tree with its cheapest link doubled. gap_percent_mean is against it.",
    "Every search prices as many solutions (evaluations), far fewer than the paper's 10⁶ (DS1) to 10⁸ (DS8). seconds_mean is "
    "CPU time of one search; costs of children are computed from the genes that changed.",
    "tidegate places resources only, on its own budget, and pays for balance, which the problem does not; its gateways' "
    "links are completed by the exact tree, so judge it by resource_gap_percent_mean, where every solver is held against the "
    "exact assignment. fullest_gateway_mean is the load of the fullest gateway ÷ capacity. One call of the planner counts as "
    "one evaluation.",
    "woa starts clustered; woa_random_start is the same from random genes. cluster_itself is the clustering without search.",
    "Why the orderings come out as they do, as far as the figures of 200,000 evaluations tell: DS1 to DS3 have so few solutions "
    "that every search finds the optimum. On the larger sets a random gene is right once in m draws, and no search is done when "
    "the budget ends. SEIRA keeps only what is better and descends faster at first, whales take every move and hunt during the "
    "first half of the rounds: with 10,000 evaluations SEIRA was ahead of them on four of five, with 200,000 whales are ahead on "
    "four of five, from a random start on three. The clustered start lowers the whales' first generation by an eighth and what "
    "they come to by 1 to 13 %, most where most is left to find. Many whales for few rounds are next to random sampling. The "
    "clustering itself, without any search, is nearer to the optimum than every search on the larger sets.",
    "Why tidegate is above the optimum: planners_own_cost prices its plans and the exact assignment by the planner's goal, "
    "which includes congestion. Its plans are cheaper there: it found what it looks for, and the gap is the price of balance.",
    "std is over random states of the search, on one instance per size: it says nothing about other instances.",
)


def draw(figures: Mapping[str, Any], datasets: Sequence[str], folder: Path, stem: str) -> dict[str, str]:
    """Draw gaps by data set, and whales against rounds where that was run; file name → caption."""
    captions = {f"{stem}-gap.svg": "Gap to the optimum by data set and solver; no mark at a gap of 0"}
    gaps = {
        name: {
            solver: found["gap_percent_mean"] or float("nan") for solver, found in figures[name].items() if solver != "optimum"
        }
        for name in datasets
    }
    plots.lines_by_name(gaps, folder / f"{stem}-gap.svg", across="data set", label="gap to the optimum (%)")
    herds: dict[str, dict[str, float]] = {}
    for name, table in figures["whales_against_rounds"].items():
        for row in table.values():
            herds.setdefault(str(row["rounds"]), {})[name] = row["mean"] / figures[name]["optimum"]
    if herds:
        captions[f"{stem}-rounds.svg"] = "Final cost ÷ optimum by rounds, at the same number of evaluations"
        plots.lines_by_name(herds, folder / f"{stem}-rounds.svg", across="rounds", label="cost ÷ optimum", logarithmic=False)
    return captions
