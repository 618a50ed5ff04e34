"""Which forecasters there are, by the name `--cell` takes, and the one that settings ask for."""

from collections.abc import Callable
from typing import Final

from tidegate.errors import ConfigurationError
from tidegate_training.models.anndra import TERMS, AnndraForecaster
from tidegate_training.models.forecaster import Forecaster, UniversalForecaster
from tidegate_training.models.joint import JointForecaster
from tidegate_training.models.peephole import PeepholeForecaster
from tidegate_training.models.windowed import ConvolutionalForecaster, DenseForecaster, TransformerForecaster
from tidegate_training.settings import JointSettings, UniversalSettings

CELLS: Final[dict[str, Callable[[UniversalSettings], Forecaster]]] = {
    "plain": lambda settings: UniversalForecaster(settings.hidden, settings.head),
    "peephole": lambda settings: PeepholeForecaster(settings.hidden, settings.head),
    "anndra": lambda settings: AnndraForecaster(settings.hidden, settings.head, _terms(settings.without)),
    "dense": lambda settings: DenseForecaster(settings.head),
    "convolution": lambda settings: ConvolutionalForecaster(head=settings.head),
    "transformer": lambda settings: TransformerForecaster(head=settings.head),
}


def build(settings: UniversalSettings) -> Forecaster:
    """Return a new forecaster, a joint one for `JointSettings`; its weights are drawn from torch's generator.

    Raises:
        ConfigurationError: the cell is not known, or a term to leave out is not one of its terms.
    """
    if isinstance(settings, JointSettings):
        return JointForecaster(settings.metrics, settings.hidden, settings.head)
    if settings.cell not in CELLS:
        raise ConfigurationError(f"no cell named {settings.cell!r}", advice=f"known: {', '.join(CELLS)}")
    if settings.without and settings.cell != "anndra":
        raise ConfigurationError(f"cell {settings.cell!r} has no terms to leave out", advice="only the cell 'anndra' has")
    return CELLS[settings.cell](settings)


def _terms(without: str) -> list[str]:
    left_out = set(filter(None, without.split(",")))
    if unknown := sorted(left_out - set(TERMS)):
        raise ConfigurationError(f"no term named {', '.join(unknown)}", advice=f"known: {', '.join(TERMS)}")
    return [term for term in TERMS if term not in left_out]
