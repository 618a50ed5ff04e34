"""What a plan says would flip a move does flip it, on random sites: the planner is asked again with that change."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import crammed, requests

from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate_training.evaluate.plan_checks import flips


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(requests(), crammed()))
def test_every_counterfactual_flips_its_move(request: PlanRequest) -> None:
    assert all(flips(request, move) for move in plan(request).moves if move.counterfactual is not None)
