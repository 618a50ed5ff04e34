"""One device's hand-over, step by step: what is waited for, what is believed, and what happens when nobody answers."""

import pytest

from tidegate.contracts.ack import Ack, AckKind
from tidegate.core.allocation.handover import (
    UNANSWERED,
    Handover,
    Hold,
    Holder,
    Next,
    Patience,
    advance,
    begin,
    hear,
    longest_without_owner_ms,
    next_of,
)

HOLDER = Holder("old", 4, 60_000)
PATIENCE = Patience(answer_ms=30_000, clock_error_ms=5000)


def begun(holder: Holder | None = HOLDER, *, reserved: bool = False) -> Handover:
    return advance(begin(holder, "new", 5, 0, reserved=reserved), 0, PATIENCE)


def word(gateway: str, kind: AckKind, epoch: int, reason: str = "") -> Ack:
    return Ack("north", gateway, kind, 0, "a", epoch, reason)


def reserved(now_ms: int = 1000) -> Handover:
    """The target has the room, and the holder is told to stop."""
    return advance(hear(begun(), word("new", AckKind.RESERVED, 5)), now_ms, PATIENCE)


def test_the_holder_serves_on_until_there_is_room_elsewhere() -> None:
    assert (begun().hold, next_of(begun())) == (Hold.HELD, Next.WAIT)
    assert (reserved().hold, reserved().revoked_ms, next_of(reserved())) == (Hold.REVOKED, 1000, Next.WAIT)


def test_a_holder_that_lets_go_makes_way_at_once() -> None:
    assert next_of(hear(reserved(), word("old", AckKind.RELEASED, 4))) is Next.ACTIVATE


def test_the_lease_of_one_that_does_not_answer_counts_from_the_tick_after_the_revocation() -> None:
    told = advance(advance(reserved(), 1000, PATIENCE), 8000, PATIENCE)
    assert told.counted_from_ms == 8000, "in between the revocation was being committed, and nobody could know of it"
    assert next_of(advance(told, 72_999, PATIENCE)) is Next.WAIT
    assert next_of(advance(told, 73_000, PATIENCE)) is Next.ACTIVATE


@pytest.mark.parametrize("kind", AckKind)
@pytest.mark.parametrize(("gateway", "epoch"), [("stranger", 4), ("stranger", 5), ("old", 3), ("old", 5), ("new", 4), ("new", 6)])
def test_strangers_and_other_epochs_move_nothing(kind: AckKind, gateway: str, epoch: int) -> None:
    for state in (begun(), reserved()):
        assert hear(state, word(gateway, kind, epoch)) == state


def test_a_release_that_nobody_asked_for_promises_nothing() -> None:
    assert hear(begun(), word("old", AckKind.RELEASED, 4)) == begun()


def test_repeated_words_say_nothing_new_and_a_refusal_is_final_for_its_epoch() -> None:
    refused = hear(hear(begun(), word("new", AckKind.REFUSED, 5, "full")), word("new", AckKind.RESERVED, 5))
    assert (refused.reserved, refused.refusal, next_of(refused)) == (False, "full", Next.RETURN)
    assert hear(reserved(), word("new", AckKind.RESERVED, 5)) == reserved()


def test_a_target_that_does_not_answer_leaves_the_device_where_it_is() -> None:
    assert next_of(advance(begun(), 29_999, PATIENCE)) is Next.WAIT
    given_up = advance(begun(), 30_000, PATIENCE)
    assert (given_up.refusal, next_of(given_up)) == (UNANSWERED, Next.RETURN)


def test_after_the_revocation_there_is_no_way_back() -> None:
    refused = hear(reserved(), word("new", AckKind.REFUSED, 5))
    assert next_of(refused) is Next.RELEASE
    elsewhere = refused.towards("third", 6, 2000, reserved=False)
    assert (elsewhere.hold, elsewhere.revoked_ms) == (Hold.REVOKED, 1000), "what the holder was told stays told"


def test_a_dead_holder_is_revoked_while_the_target_is_still_asked() -> None:
    taken = begun().revoke(0)
    over = advance(advance(taken, 1000, PATIENCE), 66_000, Patience(100_000, 5000))
    assert (over.hold, next_of(over)) == (Hold.FREE, Next.WAIT)
    assert next_of(hear(over, word("new", AckKind.RESERVED, 5))) is Next.ACTIVATE


def test_between_gateways_that_follow_no_leases_a_move_applies_at_once() -> None:
    assert next_of(begun(None, reserved=True)) is Next.ACTIVATE


def test_a_device_that_is_only_taken_away_is_forgotten_when_nobody_holds_it() -> None:
    taken = begun().towards(None, 5, 0, reserved=False).revoke(0)
    assert next_of(taken) is Next.WAIT
    assert next_of(hear(taken, word("old", AckKind.RELEASED, 4))) is Next.FORGET


def test_the_bound_on_nobody_is_lease_clock_error_and_what_messages_take() -> None:
    assert longest_without_owner_ms(60_000, PATIENCE, tick_ms=1000, delivery_ms=2000) == 60_000 + 5000 + 3 * 1000 + 2000
