"""The study of classifiers of flow records: networks beside trees, on class blocks and on the split that leaks.

Without torch only the trees are judged, and the page says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tidegate_training.evaluate import classification
from tidegate_training.evaluate.classifiers import CANARY, TREES
from tidegate_training.evaluate.flow_table import read_every_flow, read_flows
from tidegate_training.evaluate.progress import Report

NETWORK_NOTES: Final = (
    "DNN: the paper's 128-64-32 with ReLU and Adam; dropout 0.1, batches of 128, 30 epochs, amounts by sign and logarithm, "
    "clipped at limits from training rows, names as inputs of their own, classes weighed by one over the root of their rows. "
    "Chosen by hand, in a few trials, on a block within the train part of random state 0; rows of the other states' test parts "
    "were seen by that choice.",
    "DNN as the paper trains it: dropout 0.5, batches of 32, 10 epochs, deviations as the only scale, no weights; on the honest "
    "features and splits.",
    "as_the_paper_prepares_it is leaky on purpose: duplicates and ports stay, rows beyond three deviations go before the split, "
    "and the split is at random, 80 to 20. The paper's own data (97 % accuracy, 98.57 % recall) is not available; nothing here "
    "reproduces or refutes those figures.",
    "removed_by_three_sigma: what that rule does to each class.",
    "unknown_classes: the class is left out of training; the limit is the energy that 95 % of set-apart known rows reach. "
    "known_rows_called_unknown is the price, on test blocks; auroc 0.5 is guessing.",
    "float32 and int8 are the same network exported twice; speeds are of one thread of a machine that others used too.",
    "NSL-KDD's official test set is not among the shared data, and TON_IoT's normal and attack days do not overlap: neither is "
    "judged.",
)

WAYS: Final = ("blocks", "random_leaky")
"""The splits, as the results file names them."""

WITHOUT_NETWORKS: Final = "Only the trees were judged: networks were not asked for, or torch is not installed."


@dataclass(frozen=True, slots=True)
class ClassifierStudy:
    """Figures for the results file, and the notes that belong to them."""

    figures: dict[str, Any]
    notes: tuple[str, ...]


def torch_there() -> bool:
    """Whether networks can be trained here."""
    return find_spec("torch") is not None


def run_study(folder: Path, *, networks: bool, processes: int = 1, report: Report = lambda *_: None) -> ClassifierStudy:
    """Judge trees, canary and, where torch is there, `networks`.

    Raises:
        InputError: no flow records, or malformed ones.
    """
    table = read_flows(folder)
    head: dict[str, Any] = {"rows": len(table.classes), "duplicates_left_out": table.duplicates}
    trials = classification.run_trials(folder, processes=processes, report=report)
    if not networks:
        figures = classification.trial_figures(trials, table.class_names)
        return ClassifierStudy({**head, **headline_figures(figures), **figures}, (*classification.NOTES, WITHOUT_NETWORKS))
    from tidegate_training.evaluate import classifier_checks as checks  # noqa: PLC0415  # torch
    from tidegate_training.evaluate import classifier_networks, flow_streams  # noqa: PLC0415  # torch
    from tidegate_training.flows.settings import FlowSettings  # noqa: PLC0415

    settings = FlowSettings()
    trials += classifier_networks.network_trials(folder, processes=processes, report=report)
    figures = classification.trial_figures(trials, table.class_names)
    calibration, graphs = checks.calibration_and_int8(table, settings, report=report)
    unknown = checks.unknown_classes(table, settings, report=report)
    streamed = flow_streams.stream_figures(table, settings, report=report)
    strange = flow_streams.unknown_attack_figures(table, settings, report=report)
    report("paper's preparation", 0, 1)
    paper, removed = checks.paper_preparation(read_every_flow(folder))
    report("paper's preparation", 1, 1)
    more = {
        "as_the_paper_prepares_it": paper,
        "removed_by_three_sigma": removed,
        "calibration": calibration,
        "graphs": graphs,
        "unknown_classes": unknown,
        **streamed,
        "streams_of_unknown_attacks": strange,
    }
    notes = (*classification.NOTES, *NETWORK_NOTES, *flow_streams.NOTES)
    return ClassifierStudy({**head, **headline_figures(figures), **figures, **more}, notes)


def headline_figures(figures: Mapping[str, Any]) -> dict[str, float | str]:
    """The promised figures first: the shipped network's macro-F1 on blocks, the best trees', and the canary's."""
    blocks = figures["blocks"]
    best = max(TREES, key=lambda name: blocks[name]["macro_f1"])
    head = {
        "rtiot_best_tree_macro_f1": blocks[best]["macro_f1"],
        "best_tree": best,
        "canary_macro_f1": blocks[CANARY]["macro_f1"],
    }
    return {**({"rtiot_macro_f1": blocks["DNN"]["macro_f1"]} if "DNN" in blocks else {}), **head}


def plotted(figures: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Macro-F1 of each classifier by split with its least and most, as the plot takes it; NaN where it was not judged."""
    names = list(figures["blocks"])
    return {name: {key: value for way in WAYS for key, value in _dot(way, figures[way].get(name))} for name in names}


def _dot(way: str, row: Mapping[str, float] | None) -> list[tuple[str, float]]:
    parts = ((way, "macro_f1"), (f"{way}_low", "macro_f1_min"), (f"{way}_high", "macro_f1_max"))
    return [(key, row[part] if row else float("nan")) for key, part in parts]
