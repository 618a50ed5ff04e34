"""What training minimises: the pinball loss, what a cell learns besides, and the ANNDRA paper's penalties where asked for."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from tidegate_training.data.lanes import Window
from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.unroll import Unrolled, normalised_targets, pinball, weighted
from tidegate_training.settings import UniversalSettings


def objective(model: Forecaster, window: Window, unrolled: Unrolled, settings: UniversalSettings) -> Tensor:
    """Return one number to minimise. A cell's own loss is taken once a window: its last readings share most of their past."""
    by_horizon, _ = pinball(unrolled.normalised, normalised_targets(window, unrolled.seen))
    loss = weighted(by_horizon)
    for name, penalty in PENALTIES.items():
        if weight := getattr(settings, name):
            loss = loss + weight * penalty(model, unrolled)
    if settings.information and (auxiliary := model.auxiliary(unrolled.memory)) is not None:
        loss = loss + settings.information * auxiliary
    return loss


def smoothness(model: Forecaster, unrolled: Unrolled) -> Tensor:
    """Half the mean square change of a forecast from reading to reading, in units: the Sobolev term of equation (19)."""
    return 0.5 * (unrolled.normalised[1:] - unrolled.normalised[:-1]).square().mean()


def l2(model: Forecaster, unrolled: Unrolled) -> Tensor:
    """Sum of squared parameters, equation (20) with the Euclidean norm."""
    return torch.stack([parameter.square().sum() for parameter in model.parameters()]).sum()


def total_variation(model: Forecaster, unrolled: Unrolled) -> Tensor:
    """Sum of absolute differences of neighbouring rows of each weight, equation (30).

    The paper's index of parameters is continuous; units of a layer have no order, so this pulls neighbours together at will.
    """
    return torch.stack([weight.diff(dim=0).abs().sum() for weight in model.parameters() if weight.dim() > 1]).sum()


PENALTIES: Final[dict[str, Callable[[Forecaster, Unrolled], Tensor]]] = {
    "smoothness": smoothness,
    "l2": l2,
    "total_variation": total_variation,
}
"""By the setting that weighs them; none by default."""
