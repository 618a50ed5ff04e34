"""What a plan says would flip a move does flip it, on random sites: the planner is asked again with that change."""

from hypothesis import HealthCheck, given, settings
from random_sites import requests

from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate_training.evaluate.plan_checks import flips


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_every_counterfactual_flips_its_move(request: PlanRequest) -> None:
    assert all(flips(request, move) for move in plan(request).moves if move.counterfactual is not None)
