"""The take-over and commit protocol, searched by machine: real workers and the real client on a simulated broker.

`make explore EXAMPLES=5000` searches for longer, at random; here the search is short and always the same.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from support.simulated.exploring import explore, hunt
from support.simulated.mutants import MUTANTS

EXAMPLES = 20
SEED = 4
"""Any will do; with one chosen, the same examples come every time, and this test takes as long every time."""


def test_nothing_is_lost_doubled_or_out_of_order_whatever_happens() -> None:
    tally = explore(EXAMPLES, SEED)
    assert tally.examples >= EXAMPLES
    assert tally.commits > EXAMPLES, "a search in which little is committed finds little"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_search_finds_out_the_protocol_done_wrong(mutant: Callable[[], AbstractContextManager[Any]]) -> None:
    hunt(mutant, 150, SEED)
