"""The checks notice what they are for: evidence that is right passes, and each way of being wrong is named."""

import json

import pytest

from chaos import checks
from chaos.evidence import Found, Producer
from chaos.messages import NUMBER, Message
from chaos.recovery import recovery_seconds, stall_seconds
from chaos.schedule import Kind, Strike
from chaos.strikes import Struck
from tidegate.contracts.journal import JournalRecord, OffsetRange
from tidegate.contracts.topics import ANOMALIES, ASSIGNMENTS, DECISIONS, TELEMETRY
from tidegate.contracts.views import Balance


def entry(sequence: int, start: int, end: int, tick_ms: int = 0) -> JournalRecord:
    return JournalRecord(0, sequence, tick_ms, [OffsetRange(TELEMETRY, start, end)], "", {}, "")


def found(topic: str, offset: int, number: int = 0, **fact: object) -> Found:
    return Found(topic, 0, offset, b"key", json.dumps(fact).encode(), ((NUMBER, str(number).encode()),))


INPUTS = [found(TELEMETRY, offset, number=offset) for offset in range(4)]


def test_a_journal_that_takes_every_input_once_passes() -> None:
    entries = [entry(0, 0, 2, 5), entry(1, 2, 4, 5)]
    assert checks.waiting(entries, INPUTS) == checks.passed_over(entries, INPUTS) == []
    assert checks.taken_twice(entries, INPUTS) == checks.broken_sequence(entries) == []


def test_a_gap_between_ranges_and_an_overlap_are_noticed() -> None:
    assert checks.passed_over([entry(0, 0, 1), entry(1, 2, 4)], INPUTS) == [f"{TELEMETRY}/0@1 was never taken"]
    # a plan without our number may wait
    plan = Found(TELEMETRY, 0, 4, b"key", b"{}", ())
    assert checks.waiting([entry(0, 0, 3)], [*INPUTS, plan]) == [f"{TELEMETRY}/0@3 still waits"]
    assert checks.taken_twice([entry(0, 0, 3), entry(1, 2, 4)], INPUTS) == [f"{TELEMETRY}/0@2 was taken 2 times"]


@pytest.mark.parametrize(
    "entries",
    [
        [entry(1, 0, 1)],
        [entry(0, 0, 1), entry(2, 1, 2)],
        [entry(0, 0, 1), entry(0, 1, 2)],
        [entry(0, 0, 1, 9), entry(1, 1, 2, 8)],
    ],
    ids=["late start", "skip", "repeat", "tick goes back"],
)
def test_a_broken_sequence_is_noticed(entries: list[JournalRecord]) -> None:
    assert len(checks.broken_sequence(entries)) == 1


def test_an_earlier_producer_that_writes_after_a_later_one_is_noticed() -> None:
    assert checks.returned_producers([Producer(7, 0), Producer(7, 0), Producer(7, 1)]) == []
    assert len(checks.returned_producers([Producer(7, 0), Producer(7, 1), Producer(7, 0)])) == 1


def test_outputs_are_compared_with_the_truth_record_by_record() -> None:
    truth = [("a", b"k", b"1"), ("a", b"k", b"2"), ("b", b"k", b"1")]
    for published in (truth, [truth[2], *truth[:2]]):
        for check in (checks.missing, checks.doubled, checks.invented, checks.out_of_order):
            assert check(published, truth) == []
    assert len(checks.missing(truth[1:], truth)) == 1
    assert len(checks.doubled([*truth, truth[0]], truth)) == 1
    assert len(checks.invented([*truth, ("a", b"k", b"3")], truth)) == 1
    assert checks.out_of_order([truth[1], truth[0], truth[2]], truth) == ["a is in another order"]


def test_a_fact_whose_id_and_version_stand_twice_is_noticed_even_with_other_content() -> None:
    once = [found(ANOMALIES, 0, id="x", version=1, score=0.5), found(ANOMALIES, 1, id="x", version=2, score=0.5)]
    assert checks.identities_twice(once) == []
    assert len(checks.identities_twice([*once, found(ANOMALIES, 2, id="x", version=2, score=0.7)])) == 1


def test_a_grant_may_be_renewed_within_an_epoch_and_is_one_at_each_moment() -> None:
    def assigned(number: int, cpu: float, granted_at_ms: int | None) -> Found:
        told = {"grant": {"cpu": cpu}, "granted_at_ms": granted_at_ms}
        return found(ASSIGNMENTS, number, 0, site="s", device="d", epoch=1, gateway="g", plan_id=None, **told)

    renewed = [assigned(0, 1.0, None), assigned(1, 2.0, 10), assigned(2, 1.0, 20)]
    assert checks.contradictions(renewed) == []
    assert len(checks.contradictions([*renewed, assigned(3, 3.0, 20)])) == 1


def test_two_digests_of_a_plan_and_two_gateways_in_an_epoch_are_noticed() -> None:
    decided = [found(DECISIONS, n, site="s", plan_id="p", digest="d") for n in range(2)]
    assigned = [found(ASSIGNMENTS, n, site="s", device="d", epoch=n, gateway=f"g{n}", grant={}, plan_id=None) for n in range(2)]
    assert checks.contradictions(decided + assigned) == []
    other = found(DECISIONS, 2, site="s", plan_id="p", digest="e")
    elsewhere = found(ASSIGNMENTS, 2, site="s", device="d", epoch=1, gateway="g0", grant={}, plan_id=None)
    assert len(checks.contradictions([*decided, other, *assigned, elsewhere])) == 2


def test_readings_that_came_in_and_are_not_accounted_for_are_noticed() -> None:
    sent = {n: Message(n, TELEMETRY, 0, "s", b"", readings=10) for n in range(4)}
    right = Balance(received=40, scored=35, duplicate=3, quarantined=1, dead_lettered=1)
    assert checks.unbalanced([right], INPUTS, sent, sent) == []
    assert checks.unbalanced([right], INPUTS[1:], sent, sent) == [
        "30 readings came in, 40 were received",
        "message 0 was acknowledged and is not on its topic",
    ]
    short = Balance(received=40, scored=35, duplicate=3, quarantined=1, dead_lettered=0)
    assert checks.unbalanced([short], INPUTS, sent, sent) == ["40 readings were received, 39 are accounted for"]


def struck(began_ms: float, ended_ms: float) -> Struck:
    return Struck(Strike(Kind.BROKER_CUT, 0, 0.0, at_once=False, target=0), began_ms, ended_ms)


def recoveries(strikes: list[Struck], *commits: list[int]) -> list[float | None]:
    def first_since(partition: int, moment_ms: float) -> int | None:
        return next((stamp for stamp in commits[partition] if stamp >= moment_ms), None)

    return recovery_seconds(strikes, first_since, len(commits))


def test_recovery_is_told_by_the_slowest_partition_from_the_end_of_the_fault() -> None:
    assert recoveries([struck(1000, 3000)], [500, 3500, 4000], [2000, 7000]) == [4.0]


def test_a_later_strike_within_the_recovery_puts_it_off() -> None:
    assert recoveries([struck(1000, 3000), struck(4000, 9000)], [5000, 9500]) == [0.5, 0.5]
    assert recoveries([struck(1000, 3000), struck(6000, 9000)], [5000, 9500]) == [2.0, 0.5]
    assert recoveries([struck(1000, 9000), struck(2000, 3000)], [9500]) == [0.5, 0.5]


def test_without_a_commit_there_is_no_recovery() -> None:
    assert recoveries([struck(1000, 3000)], [5000], [2000]) == [None]


def test_a_stall_is_the_longest_gap_between_the_beginning_of_a_fault_and_its_recovery() -> None:
    commits = {0: [500, 1500, 9000], 1: [500, 3500, 7000, 9000]}
    assert stall_seconds(struck(1000, 8000), commits, 1.0) == 7.5
    assert stall_seconds(struck(1000, 3000), commits, None) == 2.0
    assert stall_seconds(struck(1000, 1000), {0: [1200]}, 0.2) == 0.2
