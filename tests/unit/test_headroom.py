"""What would be left without one gateway: by hand, and against every gateway taken out in turn."""

import math
from typing import Any

import pytest

from tidegate.contracts.ids import GatewayId, SiteId
from tidegate.contracts.topology import Gateway, Topology
from tidegate.pipeline.reporting import headroom_without_one


class Score:
    def __init__(self, utilisation: dict[str, dict[str, float]]) -> None:
        self.utilisation = utilisation


def site(**capacity: dict[str, float]) -> Topology:
    return Topology(SiteId("s"), 1, [Gateway(GatewayId(name), resources) for name, resources in capacity.items()], [])


@pytest.mark.parametrize(
    ("topology", "utilisation", "expected"),
    [
        (site(a={"cpu": 100}, b={"cpu": 100}), {"a": {"cpu": 0.3}, "b": {"cpu": 0.2}}, 0.5),
        (site(a={"cpu": 300}, b={"cpu": 100}), {"a": {"cpu": 0.1}, "b": {"cpu": 0.2}}, 0.5),  # without a, 50 of 100
        (site(a={"cpu": 100}, b={"cpu": 100}), {"a": {"cpu": 0.8}, "b": {"cpu": 0.7}}, -0.5),
        (site(a={"cpu": 100, "mem": 10}, b={"cpu": 100, "mem": 10}), {"a": {"cpu": 0.1, "mem": 0.9}, "b": {}}, 0.1),
        (site(a={"cpu": 100}), {"a": {"cpu": 0.1}}, -1.0),
        (site(a={"cpu": 1}, b={"cpu": 1}), {"a": {"cpu": 50.0}, "b": {}}, -1.0),
        (site(a={}, b={}), {"a": {}, "b": {}}, math.inf),
        (None, {}, math.inf),
    ],
)
def test_headroom_is_what_the_worst_loss_leaves(topology: Any, utilisation: Any, expected: float) -> None:
    score: Any = Score(utilisation)
    assert headroom_without_one(topology, score) == pytest.approx(expected)
