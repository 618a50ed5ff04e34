"""The networks of the classifier study: the shipped one, the paper's, and one for each choice made, on the splits of the trees.

Needs torch; the trees do not.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch

from tidegate_training.evaluate.classification import BLOCKS, RANDOM, RANDOM_STATES, Trial, trial
from tidegate_training.evaluate.flow_table import kept_flows
from tidegate_training.evaluate.progress import Report, counting
from tidegate_training.evaluate.spread import spread
from tidegate_training.flows.classifier import DenseFlows
from tidegate_training.flows.settings import PAPER, FlowSettings

SHIPPED: Final = "DNN"
AS_PAPER: Final = "DNN as the paper trains it"

NETWORKS: Final[dict[str, FlowSettings]] = {
    SHIPPED: FlowSettings(),
    AS_PAPER: PAPER,
    "DNN without weights": FlowSettings(imbalance="none"),
    "DNN with full weights": FlowSettings(imbalance="weights"),
    "DNN with SMOTE": FlowSettings(imbalance="smote"),
    "DNN on linear scales": FlowSettings(scale="linear"),
    "DNN with dropout 0.5": FlowSettings(dropout=0.5),
}
"""Settings by name: each after the second differs from the shipped ones in one thing."""

BOTH_SPLITS: Final = (SHIPPED, AS_PAPER)
"""Judged on the leaky split too."""


def network_trials(
    folder: Path,
    *,
    names: Sequence[str] = tuple(NETWORKS),
    random_states: Sequence[int] = RANDOM_STATES,
    processes: int = 1,
    report: Report = lambda *_: None,
) -> list[Trial]:
    """Every network of `names` on class blocks at every random state; the shipped and the paper's on the leaky split too.

    Raises:
        InputError: as `read_flows`.
    """
    kept_flows(folder)
    jobs = [
        (split, name, state)
        for split in (BLOCKS, RANDOM)
        for name in names
        if split == BLOCKS or name in BOTH_SPLITS
        for state in random_states
    ]
    more = counting(report, "networks", len(jobs))
    return spread(partial(_trial, folder), jobs, processes=processes, finished=lambda _: more(1))


def _trial(folder: Path, job: tuple[str, str, int]) -> Trial:
    torch.set_num_threads(1)
    split, name, state = job
    table = kept_flows(folder)
    settings = replace(NETWORKS[name], random_state=state)
    return trial(table, split, name, state, lambda _: DenseFlows(table.feature_names, len(table.class_names), settings))
