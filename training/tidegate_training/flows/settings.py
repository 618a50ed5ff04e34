"""Everything that decides what training a classifier of flow records produces; it travels in the manifest."""

from dataclasses import dataclass
from typing import Final, Literal

Imbalance = Literal["none", "weights", "root-weights", "smote"]
"""What is done for rare classes: nothing; weights by one over the share, or by its root; synthetic rows between neighbours."""

Scale = Literal["linear", "log"]
"""Whether amounts are scaled as they are, or by sign and logarithm of one plus the amount in deviations."""


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Settings of `tidegate train flows`; the same settings, data and commit give the same weights on one machine."""

    hidden: tuple[int, ...] = (128, 64, 32)
    """Widths of the dense layers, the paper's."""
    dropout: float = 0.1
    """Share of units silenced after each layer while training. The paper's 0.5 starves classes with few rows."""
    batch: int = 128
    """Rows of one update."""
    epochs: int = 30
    learning_rate: float = 2e-3
    """Adam's."""
    imbalance: Imbalance = "root-weights"
    scale: Scale = "log"
    clip: float = 3.0
    """Amounts beyond this many deviations are set to it: the paper's three sigma, which there removes the row."""
    calibration_share: float = 0.2
    """Of each class one contiguous stretch of this share is set apart to find temperature and the limit of what is known."""
    known_share: float = 0.95
    """Share of rows of known classes that must not be called unknown."""
    random_state: int = 7


PAPER: Final = FlowSettings(
    dropout=0.5, batch=32, epochs=10, learning_rate=1e-3, imbalance="none", scale="linear", clip=float("inf")
)
"""The network as the paper trains it (sections 4.1 to 4.3); how it prepares rows is `preparation.paper_rows`."""

SMOKE: Final = FlowSettings(epochs=2)
"""A run of a second or two that still trains, calibrates, quantises and reports."""
