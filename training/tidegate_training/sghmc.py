"""Stochastic gradient Hamiltonian Monte Carlo as an optimiser, the ANNDRA paper's equation (17)."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class SGHMC(torch.optim.Optimizer):
    """Momentum with friction and the noise that belongs to it (Chen, Fox and Guestrin 2014, equation 15).

    `temperature` scales the noise's variance: 0 is momentum alone, 1 samples the posterior if the loss were its energy. Noise is
    torch's, so a run that seeds it repeats.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, friction: float = 0.1, temperature: float = 1e-6) -> None:
        super().__init__(params, {"lr": lr, "friction": friction, "temperature": temperature})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no line search here
        """Take one step."""
        for group in self.param_groups:
            noise = (2.0 * group["friction"] * group["lr"] * group["temperature"]) ** 0.5
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, self.state[parameter], group, noise)

    @staticmethod
    def _move(parameter: Tensor, state: dict[str, Any], group: dict[str, Any], noise: float) -> None:
        velocity = state.setdefault("velocity", torch.zeros_like(parameter))
        velocity.mul_(1.0 - group["friction"]).add_(parameter.grad, alpha=-group["lr"])
        if noise:
            velocity.add_(torch.randn_like(velocity), alpha=noise)
        parameter.add_(velocity)
