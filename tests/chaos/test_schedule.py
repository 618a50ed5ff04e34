"""The schedule and the stream: drawn from the seed alone, and such that a run of them is possible."""

from collections import Counter
from itertools import islice

import pytest

from chaos.fleet import simulated
from chaos.installation import PARTITIONS
from chaos.messages import Message, Mischief, messages
from chaos.schedule import SECONDS, Kind, Programme, schedule
from tidegate.contracts.topics import INPUTS, TELEMETRY
from tidegate.pipeline.decode import decode_telemetry
from tidegate.ports import Record


def first_messages(seed: int, count: int) -> list[Message]:
    return list(islice(messages(simulated(seed), seed, PARTITIONS), count))


def test_the_same_seed_gives_the_same_strikes_and_another_gives_others() -> None:
    assert schedule(Programme(3, 40)) == schedule(Programme(3, 40))
    assert schedule(Programme(3, 40)) != schedule(Programme(4, 40))


def test_a_longer_schedule_begins_as_the_shorter_one() -> None:
    assert schedule(Programme(3, 40))[:6] == schedule(Programme(3, 6))


@pytest.mark.parametrize("seed", range(20))
def test_there_is_always_a_worker_and_never_more_than_allowed(seed: int) -> None:
    workers = 2
    for strike in schedule(Programme(seed, 60, workers=2, most_workers=3)):
        workers += (strike.kind is Kind.WORKER_ADDED) - (strike.kind is Kind.WORKER_REMOVED)
        assert 1 <= workers <= 3


def test_every_kind_occurs_and_lasts_as_long_as_it_may() -> None:
    strikes = schedule(Programme(0, 500))
    assert {strike.kind for strike in strikes} == set(Kind)
    for strike in strikes:
        low, high = SECONDS.get(strike.kind, (0.0, 0.0))
        assert low <= strike.seconds <= high
    assert any(strike.at_once for strike in strikes)
    assert not strikes[0].at_once


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert first_messages(5, 300) == first_messages(5, 300)
    assert first_messages(5, 300) != first_messages(6, 300)


def test_every_partition_gets_topologies_words_of_gateways_and_readings() -> None:
    made = first_messages(1, 300)
    for topic in INPUTS:
        assert {message.partition for message in made if message.topic == topic} == set(range(PARTITIONS))


def test_all_mischief_happens_and_a_message_counts_what_decoding_makes_of_it() -> None:
    made = first_messages(2, 2000)
    assert {message.mischief for message in made} == {None, *Mischief}
    for message in made:
        if message.topic == TELEMETRY:
            record = Record(TELEMETRY, message.partition, 0, message.site.encode(), message.value, message.headers, 0)
            decoded = decode_telemetry([record], PARTITIONS)
            assert len(decoded.readings) + sum(letter.readings for letter in decoded.letters) == message.readings


def test_a_duplicate_is_the_same_message_again_and_late_ones_come_late() -> None:
    made = first_messages(2, 2000)
    times = Counter(message.number for message in made)
    assert {n for n, often in times.items() if often == 2} <= {m.number for m in made if m.mischief is Mischief.DUPLICATED}
    assert max(times.values()) == 2
    places = {message.number: place for place, message in enumerate(made)}
    late = [message for message in made if message.mischief is Mischief.LATE]
    assert late
    assert all(any(places[other] < places[m.number] for other in range(m.number + 1, m.number + 20)) for m in late)
