"""A small campaign in which nothing goes wrong, and proof that it would be noticed if something did."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from fuzz.account import Before, not_finite, unaccounted, unreadable
from fuzz.campaign import MUTATORS, Campaign, Tally, repeat
from fuzz.evidence import load
from support.forecasters import SmoothForecaster
from tidegate.adapters.memory import ManualClock
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.reading import ReadingBatch
from tidegate.contracts.views import Balance
from tidegate.core.forecaster import Float32, Float64, ForecastStep, State
from tidegate.core.partition import Partition
from tidegate.pipeline.portion import Portion
from tidegate.pipeline.replay import Restored
from tidegate.pipeline.step import Step, Stepper
from tidegate.ports import Outgoing, Record
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster

GROWTH_MB = 40
"""Megabytes a small campaign may grow by; state of its devices comes to a few."""

NOTHING = Before(Balance(), frozenset())

BATCH = ReadingBatch(examples.READING.site, [examples.READING, replace(examples.READING, profile=ProfileName("unknown"))])


def test_twenty_thousand_spoiled_messages_crash_nothing_and_none_is_lost(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:  # its memory is its own, and not that of tests before it
        tally = alone.submit(whole, tmp_path).result()
    assert tally.broken() == 0, [path.read_text() for path in tmp_path.glob("*.txt")]
    assert tally.inputs >= 20_000
    assert set(tally.mutators) == {mutate.__name__ for mutate in MUTATORS}
    assert tally.rss_growth_mb < GROWTH_MB
    assert min(tally.balance.values()) > 0, "every way a reading can go has to be gone"
    assert len(tally.letters) >= 12, "most reasons of the closed list have to come up"


def whole(folder: Path) -> Tally:
    return Campaign(7, service_configuration(), {"universal": universal_forecaster()}, folder).run(20_000)


def small(seed: int, folder: Path, forecaster: SmoothForecaster | None = None, inputs: int = 600) -> Tally:
    return Campaign(seed, service_configuration(), {"universal": forecaster or SmoothForecaster()}, folder).run(inputs)


def test_the_same_seed_gives_the_same_campaign(tmp_path: Path) -> None:
    one, other, third = (small(seed, tmp_path) for seed in (3, 3, 4))
    assert one.figures()["mutators"]["truncate"] == one.mutators["truncate"] > 0
    for tally in (one, other, third):
        tally.rss_growth_mb = tally.rss_settled_mb = 0.0
    assert one == other
    assert one != third


class Fragile(SmoothForecaster):
    """Fails on zero, which spoiled messages like to say."""

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        if (values[mask > 0] == 0.0).any():
            raise ArithmeticError("zero")
        return super().step(values, mask, elapsed, learn, state)


def test_a_crash_is_counted_and_its_file_makes_it_happen_again(tmp_path: Path) -> None:
    forecaster = Fragile()
    assert small(3, tmp_path, forecaster, 2_000).crashes > 0
    case = next(iter(tmp_path.glob("crash-*.case")))
    assert f"--repeat {case}" in case.with_suffix(".txt").read_text()
    with pytest.raises(ArithmeticError, match="zero"):
        repeat(load(case), {"universal": forecaster})


def stepped() -> tuple[Record, Step, Partition]:
    """One reading that is scored and one that is refused, as one record; its step, and the partition after it."""
    configuration: CoreConfiguration = service_configuration()
    forecaster = SmoothForecaster()
    state = Restored(Partition(configuration, {"universal": forecaster}))
    stepper = Stepper(0, 1, configuration, {"universal": forecaster.identity}, ManualClock())
    record = Record(topics.TELEMETRY, 0, 0, b"", encode(BATCH), (), 0)
    step = stepper.step(state, Portion({topics.TELEMETRY: [record]}), examples.READING.event_time_ms, snapshot=False)
    return record, step, state.partition


def test_whatever_vanishes_is_noticed() -> None:
    record, step, partition = stepped()
    assert unaccounted([record], step, NOTHING, partition) == []
    assert unaccounted([record, record], step, NOTHING, partition) == ["2 readings received of 4"]
    assert unaccounted([record], replace(step, letters=[]), NOTHING, partition) == [
        "letters of 0 readings, for 0 quarantined and 1 dead-lettered"
    ]
    partition.balance = replace(partition.balance, scored=0)
    assert "but 0 scored" in unaccounted([record], step, NOTHING, partition)[0]


def test_a_command_without_an_answer_is_noticed_and_a_repeat_needs_none() -> None:
    _, step, partition = stepped()
    body = examples.COMMAND_BODIES["freeze"]
    record = Record(topics.COMMANDS, 0, 0, b"", encode(body), (), 0)
    before = Before(partition.balance, frozenset())
    assert unaccounted([record], replace(step, letters=[]), before, partition) == [f"command {body['id']!r} got no answer"]
    assert unaccounted([record], replace(step, letters=[]), replace(before, seen=frozenset({body["id"]})), partition) == []


def test_a_number_that_is_none_and_an_output_that_cannot_be_read_are_noticed() -> None:
    _, step, _ = stepped()
    assert not_finite(step) == unreadable(step.outputs) == []
    step.facts.anomalies.append(replace(examples.ANOMALY, score=float("nan")))
    assert len(not_finite(step)) == 1
    assert len(unreadable([Outgoing(topics.ANOMALIES, 0, b"", b"{}")])) == 1
