"""Small instances and the paper's worked examples, genes counted from 0 (the paper counts from 1)."""

import numpy as np

from tidegate_training.study.irap.instance import Instance, random_instance

SMALL: Instance = random_instance(4, 7, random_state=0)
"""The size of the paper's worked examples: 4 gateways, 7 resources."""

WHALE = (3, 1, 4, 3, 1, 4, 4, 4, 3, 2, 1)


def genes(*values: int) -> np.ndarray:
    """One solution as the paper prints it, as a herd of one."""
    return np.array([values], np.int16) - 1
