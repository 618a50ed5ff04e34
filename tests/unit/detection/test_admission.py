"""What may be scored, and with which reason the rest is set aside."""

from dataclasses import replace

import numpy as np
import pytest

from support.readings import START_MS, configuration, detection, profile, reading, tick_of
from tidegate.contracts.configuration import ClockGuard
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.archive import digest
from tidegate.core.detection.detection import CLOCK_REASONS, Detection
from tidegate.core.detection.results import DetectionResult

TICK = tick_of(1000)


def reasons_of(result: DetectionResult) -> list[tuple[int, DeadLetterReason]]:
    return [(rejection.index, rejection.reason) for rejection in result.rejections]


BAD = [
    (reading(0, profile="unheard"), DeadLetterReason.UNKNOWN_PROFILE),
    (reading(0, device="a\x1b[2J"), DeadLetterReason.BAD_IDENTIFIER),
    (reading(0, device=" padded"), DeadLetterReason.BAD_IDENTIFIER),
    (reading(0, device="x" * 10_240), DeadLetterReason.BAD_IDENTIFIER),
    (reading(0, site="s\n"), DeadLetterReason.BAD_IDENTIFIER),
    (reading(0, metrics={}), DeadLetterReason.NO_KNOWN_METRIC),
    (reading(0, metrics={"cold": 1.0}), DeadLetterReason.NO_KNOWN_METRIC),
    (reading(0, float("nan")), DeadLetterReason.VALUE_OUT_OF_BOUNDS),
    (reading(0, float("inf")), DeadLetterReason.VALUE_OUT_OF_BOUNDS),
    (reading(0, -1e300), DeadLetterReason.VALUE_OUT_OF_BOUNDS),
    (reading(0, 10**400), DeadLetterReason.VALUE_OUT_OF_BOUNDS),
    (reading(0, event_time_ms=0), DeadLetterReason.CLOCK_IMPLAUSIBLE),
    (reading(0, event_time_ms=-(10**30)), DeadLetterReason.CLOCK_IMPLAUSIBLE),
    (reading(0, event_time_ms=4_070_908_800_000), DeadLetterReason.CLOCK_AHEAD),
    (reading(0, event_time_ms=10**30), DeadLetterReason.CLOCK_AHEAD),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_an_unusable_first_reading_is_rejected_and_makes_no_device(bad: Reading, reason: DeadLetterReason) -> None:
    subject = detection()
    result = subject.observe([bad], TICK)
    assert reasons_of(result) == [(0, reason)]
    assert result.scored == 0
    assert subject.device_views() == []


def settled(subject: Detection) -> str:
    """Digest of all that is known of devices, apart from how many readings a wrong clock has cost them."""
    return digest({name: value for name, value in subject.export_state().items() if name != "device/refused"})


@pytest.mark.parametrize(("bad", "reason"), [case for case in BAD if case[0].device == "d" and case[0].site == "s"])
def test_an_unusable_later_reading_is_rejected_and_leaves_its_device_alone(bad: Reading, reason: DeadLetterReason) -> None:
    subject = detection()
    subject.observe([reading(0)], TICK)
    before, refused = settled(subject), subject.roster.devices.refused.copy()
    expected = DeadLetterReason.UNKNOWN_PROFILE if bad.profile == "unheard" else reason
    assert reasons_of(subject.observe([bad], TICK)) == [(0, expected)]
    assert settled(subject) == before
    assert (subject.roster.devices.refused - refused)[0] == (expected in CLOCK_REASONS)


def test_clock_faults_count_as_quarantined_and_all_else_as_dead_lettered() -> None:
    result = detection().observe([case[0] for case in BAD], TICK)
    assert (result.received, result.quarantined, result.dead_lettered) == (len(BAD), 4, len(BAD) - 4)


def test_messages_name_the_value_and_what_was_expected() -> None:
    result = detection().observe([reading(0, 1e300), reading(0, metrics={"cold": 1.0})], TICK)
    assert "1e+300" in result.rejections[0].message
    assert "1e+15" in result.rejections[0].message
    assert "'cold'" in result.rejections[1].message
    assert "heat" in result.rejections[1].message


def test_unknown_metrics_beside_a_known_one_are_ignored() -> None:
    result = detection().observe([reading(0, metrics={"heat": 1.0, "cold": float("nan")})], TICK)
    assert (result.scored, result.rejections) == (1, [])


def test_a_known_metric_that_is_null_is_missing_and_not_a_fault() -> None:
    subject = detection()
    result = subject.observe([reading(0, None)], TICK)
    assert result.scored == 1
    assert subject.device_views()[0].metrics == {"heat": None}
    assert np.isnan(result.scores.neg_log10_p[0])


def test_an_event_time_seen_lately_is_a_duplicate() -> None:
    subject = detection()
    subject.observe([reading(minute) for minute in range(5)], TICK)
    result = subject.observe([reading(4), reading(2), reading(4)], TICK)
    assert (result.duplicate, result.scored, result.rejections) == (3, 0, [])


def test_an_unseen_older_event_time_is_too_late() -> None:
    subject = detection()
    subject.observe([reading(minute) for minute in range(5)], TICK)
    assert reasons_of(subject.observe([reading(2.5)], TICK)) == [(0, DeadLetterReason.TOO_LATE)]


def test_a_whole_batch_sent_again_with_its_sequences_is_all_duplicates() -> None:
    subject = detection()
    batch = [reading(minute, sequence=minute) for minute in range(200)]
    subject.observe(batch, TICK)
    result = subject.observe(batch, TICK)
    assert (result.duplicate, result.dead_lettered) == (200, 0)


def test_a_repeated_sequence_is_a_duplicate_also_with_another_time() -> None:
    result = detection().observe([reading(0, sequence=7), reading(1, sequence=7)], TICK)
    assert (result.scored, result.duplicate) == (1, 1)


def test_a_device_that_restarts_its_sequence_goes_on() -> None:
    result = detection().observe([reading(0, sequence=900), reading(1, sequence=0), reading(2, sequence=1)], TICK)
    assert result.scored == 3


def test_a_device_cannot_change_its_profile() -> None:
    subject = detection(profile(), profile("fan"))
    subject.observe([reading(0)], TICK)
    assert reasons_of(subject.observe([reading(1, profile="fan")], TICK)) == [(0, DeadLetterReason.PROFILE_CHANGED)]


def test_devices_beyond_the_limit_are_rejected_and_known_ones_go_on() -> None:
    subject = detection(max_devices=2)
    result = subject.observe([reading(0, device=name) for name in "abc"] + [reading(1, device="a")], TICK)
    assert reasons_of(result) == [(2, DeadLetterReason.TOO_MANY_DEVICES)]
    assert result.scored == 3


def test_the_clock_guard_opens_at_its_bounds() -> None:
    subject = detection(clock=ClockGuard(max_ahead_seconds=3600.0))
    ahead = 3_600_000
    result = subject.observe(
        [reading(0, event_time_ms=START_MS + ahead), reading(0, event_time_ms=START_MS + ahead + 1)], START_MS
    )
    assert reasons_of(result) == [(1, DeadLetterReason.CLOCK_AHEAD)]


def test_gateway_names_with_control_characters_are_not_learned() -> None:
    subject = detection()
    subject.observe([reading(0, gateway="g\x07")], TICK)
    assert subject.device_views()[0].gateway is None


def test_made_up_gateways_do_not_fill_memory() -> None:
    subject = detection(max_devices=5)
    subject.observe([reading(minute, gateway=f"g{minute}") for minute in range(50)], TICK)
    assert len(subject.roster.directory.gateways) == 5


def test_a_profile_taken_out_of_the_configuration_takes_no_more_readings() -> None:
    subject = detection(profile(), profile("fan"))
    subject.observe([reading(0)], TICK)
    subject.configure(configuration(profile("fan")))
    assert reasons_of(subject.observe([reading(1)], TICK)) == [(0, DeadLetterReason.UNKNOWN_PROFILE)]


def test_an_empty_batch_changes_nothing() -> None:
    subject = detection()
    before = subject.digest()
    result = subject.observe([], TICK)
    assert (result.received, result.scored, len(result.scores.index)) == (0, 0, 0)
    assert subject.digest() == before


def test_order_of_one_devices_readings_is_kept_within_a_batch() -> None:
    subject = detection()
    subject.observe([reading(0, 1.0), reading(0, 9.0, device="e"), reading(1, 2.0), reading(2, 3.0)], TICK)
    views = {view.device: view for view in subject.device_views()}
    assert views["d"].metrics == {"heat": 3.0}
    assert (views["d"].readings, views["e"].readings) == (3, 1)


def test_a_profile_with_several_metrics_keeps_them_apart() -> None:
    both = replace(profile(), metrics={"heat": Metric(), "flow": Metric()})
    subject = detection(both)
    subject.observe([reading(0, metrics={"flow": 2.0, "heat": 1.0}), reading(1, metrics={"flow": 4.0})], TICK)
    assert subject.device_views()[0].metrics == {"heat": None, "flow": 4.0}
    rows = subject.demand_rows("s").groups[0]
    assert rows.metrics == ["heat", "flow"]
    np.testing.assert_array_equal(rows.values, [[1.0, 4.0]])
