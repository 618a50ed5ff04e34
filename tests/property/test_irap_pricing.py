"""Costs computed from what changed are the costs computed from nothing, whatever changed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate_training.study.irap.herd import parts_of, price, reprice
from tidegate_training.study.irap.instance import random_instance
from tidegate_training.study.irap.start import random_start


@given(st.integers(2, 6), st.integers(1, 12), st.integers(1, 5), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_repricing_equals_pricing(gateways, resources, count, kept, random_state):
    instance, rng = random_instance(gateways, resources, random_state=random_state), np.random.default_rng(random_state)
    before, others = (random_start(rng, instance, count) for _ in range(2))
    after = np.where(rng.random(before.shape) < kept, before, others)
    whole, delta = price(instance, after), reprice(instance, price(instance, before), after)
    for field in ("genes", "links", "loads", "parts", "cost"):
        assert np.array_equal(getattr(whole, field), getattr(delta, field)), field


@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_parts_are_what_walking_the_graph_finds(gateways, count, random_state):
    instance, rng = random_instance(gateways, 1, random_state=0), np.random.default_rng(random_state)
    talks_to = random_start(rng, instance, count)[:, :gateways]
    assert parts_of(talks_to).tolist() == [_walked(row.tolist()) for row in talks_to]


def _walked(talks_to):
    label = list(range(len(talks_to)))
    for _ in talks_to:
        for gateway, other in enumerate(talks_to):
            label[gateway] = label[other] = min(label[gateway], label[other])
    return len(set(label))
