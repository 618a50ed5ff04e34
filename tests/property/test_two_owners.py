"""Two owners, searched for by machine: the real allocator and agents, and everything that can go wrong between them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from support.handing import mutants
from support.handing.exploring import explore, hunt


def test_no_device_ever_has_two_owners_whatever_happens() -> None:
    tally = explore(60, 1)
    assert tally.counts["revoking"] > 10, "a search in which little is handed over finds little"
    assert tally.counts["restarts"] > 10


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_search_finds_out_hand_overs_done_wrong(mutant: Callable[[], AbstractContextManager[Any]]) -> None:
    hunt(mutant, 400, 1)
