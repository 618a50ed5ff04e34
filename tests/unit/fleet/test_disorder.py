"""Readings on the way: some late, some twice, none lost and none changed."""

from collections import Counter

import pytest

from support.readings import reading
from tidegate.contracts.reading import Reading
from tidegate.errors import ConfigurationError
from tidegate.fleet.simulator.disorder import Disorder, DisorderSpec

MINUTES = 500


def arrivals(spec: DisorderSpec) -> list[tuple[Reading, int]]:
    """Each reading with the moment it went out at; one device speaks once a minute."""
    disorder = Disorder(spec)
    sent = []
    for minute in range(MINUTES):
        due = reading(minute)
        sent += [(each, due.event_time_ms) for each in disorder.pass_on([due], due.event_time_ms)]
    return sent + [(each, sent[-1][1]) for each in disorder.rest()]


def test_without_disorder_everything_goes_out_at_its_time() -> None:
    assert all(each.event_time_ms == moment_ms for each, moment_ms in arrivals(DisorderSpec()))


def test_every_reading_arrives_once_or_twice_and_late_by_no_more_than_is_asked_for() -> None:
    sent = arrivals(DisorderSpec(late_ratio=0.2, late_seconds=600.0, repeat_ratio=0.1))
    times = Counter(each.event_time_ms for each, _ in sent)
    assert sorted(times) == [reading(minute).event_time_ms for minute in range(MINUTES)]
    assert set(times.values()) == {1, 2}
    assert 0.05 * MINUTES < len(sent) - MINUTES < 0.2 * MINUTES
    first = {each.event_time_ms: moment_ms - each.event_time_ms for each, moment_ms in reversed(sent)}
    assert 0.1 * MINUTES < sum(late > 0 for late in first.values()) < 0.3 * MINUTES
    assert max(first.values()) <= 660_000


def test_the_same_seed_gives_the_same_disorder() -> None:
    spec = DisorderSpec(late_ratio=0.5, repeat_ratio=0.5)
    assert arrivals(spec) == arrivals(spec)
    assert arrivals(spec) != arrivals(DisorderSpec(late_ratio=0.5, repeat_ratio=0.5, seed=8))


@pytest.mark.parametrize("wrong", [{"late_ratio": 1.5}, {"repeat_ratio": -0.1}, {"late_seconds": -1.0}])
def test_what_makes_no_disorder_is_refused_with_what_would(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        DisorderSpec(**wrong)
