"""Hand-overs done wrong, one way each: the search has to find every one of them out."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from support.handing.world import World
from tidegate.contracts.plan import Assignment
from tidegate.core.allocation import handover, state, transfers
from tidegate.core.allocation.handover import Handover, Hold
from tidegate.core.allocation.site import Site
from tidegate.fleet.gateway.following import Following


@contextmanager
def the_lease_is_not_waited_for() -> Iterator[None]:
    """A holder that does not answer is taken for dead at once."""
    with patch.object(handover, "_let_go", lambda each, *_: replace(each, hold=Hold.FREE) if each.revoked_ms else each):
        yield


@contextmanager
def the_lease_counts_from_the_order_to_stop() -> Iterator[None]:
    """As if everybody knew of the revocation at its tick, while it may not be committed for long."""
    honest = Handover.revoke

    def revoke(self: Handover, now_ms: int) -> Handover:
        told = honest(self, now_ms)
        return replace(told, counted_from_ms=told.revoked_ms)

    with patch.object(Handover, "revoke", revoke):
        yield


@contextmanager
def clocks_are_believed() -> Iterator[None]:
    """Nothing is added for clocks that run apart."""
    honest = transfers.Transfers._patience
    with patch.object(transfers.Transfers, "_patience", lambda self: replace(honest(self), clock_error_ms=0)):
        yield


@contextmanager
def the_answer_counts_from_when_it_came() -> Iterator[None]:
    """An agent takes an answer for news, however long it was under way."""

    def answer(self: World, gateway: str) -> None:
        agent = self.agents[gateway]
        if agent.asked is not None:
            agent.asked = agent.clock(self.now_ms)
        honest(self, gateway)

    honest = World.answer
    with patch.object(World, "answer", answer):
        yield


@contextmanager
def who_comes_serves_at_once() -> Iterator[None]:
    """An agent serves what it is only to reserve."""
    honest = Following.learn

    def learn(self: Following, assignments: Any, asked_seconds: float) -> None:
        honest(self, [_taken(each) for each in assignments], asked_seconds)

    def _taken(each: Assignment) -> Assignment:
        return each if each.coming is None else replace(each, gateway=each.coming.gateway, lease_ms=60_000)

    with patch.object(Following, "learn", learn):
        yield


@contextmanager
def who_left_the_topology_is_forgotten() -> Iterator[None]:
    """A device that comes back finds its former holder forgotten."""
    honest = Site.forget

    def forget(self: Site, device: Any) -> None:
        honest(self, device)
        self.transfers.pop(device, None)

    with patch.object(Site, "forget", forget):
        yield


@contextmanager
def epochs_are_given_again() -> Iterator[None]:
    """What a target was offered in vain is offered to the next one under the same epoch."""
    with patch.object(Site, "next_epoch", _plain):
        yield


def _plain(site: Site, device: Any) -> int:
    before = site.assignments.get(device)
    return (site.epoch_floor if before is None else before.epoch) + 1


@contextmanager
def a_restart_forgets_hand_overs() -> Iterator[None]:
    """The state that is restored has none under way."""
    honest = state.restore_site

    def restore(*arguments: Any) -> Site:
        site = honest(*arguments)
        site.transfers = {}
        return site

    with patch.object(state, "restore_site", restore):
        yield


MUTANTS: Final[list[Callable[[], AbstractContextManager[Any]]]] = [
    the_lease_is_not_waited_for,
    the_lease_counts_from_the_order_to_stop,
    clocks_are_believed,
    the_answer_counts_from_when_it_came,
    who_comes_serves_at_once,
    who_left_the_topology_is_forgotten,
    epochs_are_given_again,
    a_restart_forgets_hand_overs,
]
