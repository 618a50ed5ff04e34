"""What must not change the judgement of records: the future, the size of a batch, other devices, repeats, order, a restart."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from support.late import agree, final, live, shuffled, standing
from support.records import PACKETS, TICK, flow_profile, models, record, under, watching
from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection

KINDS = ("calm", "scan", "flood", "odd")
RANDOM = st.integers(0, 10_000)


DEVICES = 3


def random_records(random_state: int, devices: int = DEVICES, seconds: int = 60) -> list[Reading]:
    """Stretches of every class, values missing, impossible ones, gaps and repeats; one device is forecast. First, one of each."""
    random = np.random.default_rng(random_state)
    kinds, readings = ["calm"] * devices, []
    for second in range(seconds):
        for number in range(devices) if second == 0 else random.permutation(devices).tolist():
            kinds[number] = str(random.choice(KINDS)) if random.random() < 0.1 else kinds[number]
            made = record(second, kinds[number], f"d{number}")
            if random.random() < 0.07:
                made = replace(made, metrics=made.metrics | {PACKETS: None if random.random() < 0.7 else -5000.0})
            made = replace(made, profile=ProfileName("plain")) if number == devices - 1 else made
            copies = 0 if random.random() < 0.1 else 2 if random.random() < 0.05 else 1
            readings += [made] * (1 if second == 0 else copies)
    return readings


def fresh(lateness_seconds: float = 0.0) -> Detection:
    profile = flow_profile(lateness_seconds=lateness_seconds)
    return watching(profile, replace(profile, name=ProfileName("plain"), bundle=None))


def judged(subject: Detection, readings: Sequence[Reading], cuts: Sequence[int] = ()) -> tuple[list[object], list[Anomaly]]:
    """Every score with its reading's name, bit for bit, and all facts by device."""
    scores: list[object] = []
    facts: list[Anomaly] = []
    for start, end in pairwise([0, *sorted(cuts), len(readings)]):
        result = subject.observe(readings[start:end], TICK)
        for place, index in enumerate(result.scores.index.tolist()):
            bits = [float(getattr(result.scores, name)[place]).hex() for name in ("neg_log10_p", "score", "surprise")]
            which = readings[start + index]
            scores.append((which.device, which.event_time_ms, *bits, int(result.scores.state[place])))
        facts += result.anomalies
    return scores, sorted(facts, key=lambda fact: (fact.device, fact.event_time_ms, fact.id, fact.version))


@settings(max_examples=3, deadline=None)
@given(RANDOM, st.data())
def test_neither_batch_size_nor_company_nor_future_changes_a_bit(random_state: int, data: st.DataObject) -> None:
    readings = random_records(random_state)
    cuts = data.draw(st.lists(st.integers(0, len(readings)), max_size=12))
    whole, pieces, prefix = fresh(), fresh(), fresh()
    one = judged(whole, readings)
    assert judged(pieces, readings, cuts) == one
    assert whole.digest() == pieces.digest()
    cut = max(cuts, default=0)
    assert judged(prefix, readings[:cut])[0] == one[0][: len(judged(fresh(), readings[:cut])[0])]
    mine = [each for each in readings if each.device == "d0"]
    assert judged(fresh(), mine)[0] == [score for score in one[0] if score[0] == "d0"]  # type: ignore[index]


@settings(max_examples=3, deadline=None)
@given(RANDOM, st.integers(0, 200))
def test_a_restart_from_a_snapshot_and_a_batch_sent_again_change_nothing(random_state: int, cut: int) -> None:
    readings = random_records(random_state)
    first = fresh()
    first.observe(readings[:cut], TICK)
    second = Detection.restore(under(*first.roster.profiles.current.values()), models(), first.export_state())
    assert second.digest() == first.digest()
    again = second.observe(readings[max(cut - 6, 0) : cut], TICK)  # at least once: what was taken comes again
    assert (again.scored, again.anomalies) == (0, [])
    assert judged(second, readings[cut:]) == judged(first, readings[cut:])
    assert second.digest() == first.digest()


@settings(max_examples=3, deadline=None)
@given(RANDOM)
def test_any_shuffle_within_the_horizon_comes_to_the_same_state_and_the_same_anomalies(random_state: int) -> None:
    readings = [replace(each, sequence=None) for each in random_records(random_state, seconds=40)]
    ordered, late = fresh(60.0), fresh(60.0)
    one = live(ordered, readings)
    opening, rest = readings[:DEVICES], readings[DEVICES:]  # who is first heard first is no matter of lateness
    other = live(late, [*opening, *shuffled(rest, random_state, 0.2, 0.5)], range(20, len(readings), 20))
    agree(final(one), final(other))
    assert {name: fact.class_name for name, fact in final(one).items()} == {
        name: fact.class_name for name, fact in final(other).items()
    }
    assert standing(ordered, pasts=False) == standing(late, pasts=False)
