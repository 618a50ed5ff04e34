"""What training may see and what judges it: whole groups held out, and the end of every other series."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tidegate_training.data.series import LARGEST, Series


@dataclass(frozen=True, slots=True)
class Split:
    """`train`; `later`, the ends of the same series; `unseen`, whole groups (files, machines, VMs) training never touched."""

    train: list[Series]
    later: list[Series]
    unseen: list[Series]


def split(series: list[Series], held_out_ratio: float, random_state: int) -> Split:
    """Split by group and by time; deterministic, and the same for every order of `series`.

    Of each data set at least one group is held out, unless it has only one. Values that the graph would not believe count as
    missing here already.
    """
    series = [_believed(one) for one in series]
    unseen_groups = held_out_groups({(one.dataset, one.group) for one in series}, held_out_ratio, random_state)
    kept = [one for one in series if (one.dataset, one.group) not in unseen_groups]
    cuts = [int(len(one.values) * (1.0 - held_out_ratio)) for one in kept]
    train = [replace(one, values=one.values[:cut]) for one, cut in zip(kept, cuts, strict=True)]
    later = [_from_cell(one, cut) for one, cut in zip(kept, cuts, strict=True)]
    return Split(train, later, [one for one in series if (one.dataset, one.group) in unseen_groups])


def held_out_groups(members: Iterable[tuple[str, str]], ratio: float, random_state: int) -> set[tuple[str, str]]:
    """Which of the (data set, group) `members` training never touches; a data set's draw does not depend on the others."""
    groups: dict[str, set[str]] = {}
    for dataset, group in members:
        groups.setdefault(dataset, set()).add(group)
    held_out: set[tuple[str, str]] = set()
    for dataset, names in sorted(groups.items()):
        count = min(max(1, round(ratio * len(names))), len(names) - 1)
        drawn = np.random.default_rng(random_state).permutation(sorted(names))[:count]
        held_out |= {(dataset, str(name)) for name in drawn}
    return held_out


def _believed(one: Series) -> Series:
    absurd = np.abs(one.values) > LARGEST
    return replace(one, values=np.where(absurd, np.nan, one.values)) if absurd.any() else one


def _from_cell(one: Series, cut: int) -> Series:
    start = None if one.start is None else one.start + cut * one.interval_seconds
    return replace(one, values=one.values[cut:], start=start)
