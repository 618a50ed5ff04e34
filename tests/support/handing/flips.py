"""What a plan says would have flipped its moves: is it so, when the planner is asked again with that change?"""

from dataclasses import dataclass

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as Stage
from random_sites import requests

from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate_training.evaluate.plan_checks import flips


@dataclass
class Flips:
    """What was counted: moves, how many of them name a counterfactual, and how many of those the planner then does not make."""

    moves: int = 0
    stated: int = 0
    flipped: int = 0

    def count(self, request: PlanRequest) -> None:
        """Count the moves of the plan for `request`."""
        for move in plan(request).moves:
            self.moves += 1
            self.stated += move.counterfactual is not None
            self.flipped += flips(request, move)


def count_flips(examples: int, random_state: int) -> Flips:
    """Plan for `examples` random sites in random trouble, and once more for each counterfactual."""
    counted = Flips()

    @seed(random_state)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Stage.generate]
    )
    @given(requests())
    def one(request: PlanRequest) -> None:
        counted.count(request)

    one()
    return counted
