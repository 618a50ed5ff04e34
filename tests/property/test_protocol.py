"""The take-over and commit protocol, searched by machine: real workers and the real client on a simulated broker.

`make explore EXAMPLES=5000` searches for longer, at random; here the search is short and always the same.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from support.simulated import mutants
from support.simulated.exploring import explore, hunt

EXAMPLES, SEED = 20, 4

SEEDS = {
    mutants.outputs_are_not_awaited: 11,
    mutants.positions_are_read_before_taking_over: 4,
    mutants.the_fenced_starts_again: 4,
    mutants.memory_is_trusted_after_a_failed_commit: 10,
    mutants.the_journal_is_not_asked: 10,
    mutants.readers_see_what_is_not_committed: 4,
}
"""Any seed finds them, most within a hundred examples; these do within ten."""


def test_nothing_is_lost_doubled_or_out_of_order_whatever_happens() -> None:
    tally = explore(EXAMPLES, SEED)
    assert tally.examples >= EXAMPLES
    assert tally.commits > EXAMPLES, "a search in which little is committed finds little"


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_search_finds_out_the_protocol_done_wrong(mutant: Callable[[], AbstractContextManager[Any]]) -> None:
    hunt(mutant, 100, SEEDS[mutant])
