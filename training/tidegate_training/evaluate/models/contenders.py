"""Who is compared: each contender by name, with the cell it is and the terms it lacks."""

from typing import Final, NamedTuple

from tidegate_training.models.anndra import TERMS


class Contender(NamedTuple):
    """A cell of `tidegate_training.models.cells`, or the autoencoder, and the terms of the ANNDRA cell left out of it."""

    cell: str
    without: str = ""


AUTOENCODER: Final = "autoencoder"
PLAIN: Final = "LSTM plain"
ANNDRA: Final = "LSTM ANNDRA"
BARE: Final = "ANNDRA, no term"

ABLATIONS: Final = {f"ANNDRA without {term}": Contender("anndra", term) for term in TERMS} | {
    BARE: Contender("anndra", ",".join(TERMS))
}
"""Each term alone left out; and all of them, which leaves an LSTM whose cell is a convex mixture."""

CONTENDERS: Final[dict[str, Contender]] = {
    PLAIN: Contender("plain"),
    "LSTM peephole": Contender("peephole"),
    ANNDRA: Contender("anndra"),
    "CNN": Contender("convolution"),
    "Transformer": Contender("transformer"),
    "DNN": Contender("dense"),
    AUTOENCODER: Contender(AUTOENCODER),
    **ABLATIONS,
}

BASELINES: Final = ("random", "EWMA", "AR")
"""What any of them must beat, fitted on each series' own train part."""

SHIPPED: Final = "shipped bundle"
"""The plain LSTM as the service runs it, wider and trained on far more: what the equal budget hides."""
