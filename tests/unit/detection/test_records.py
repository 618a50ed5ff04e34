"""Devices whose readings are records: evidence that builds up, is told in words, and never takes the unknown for ordinary."""

from dataclasses import replace

import numpy as np
import pytest

from support.classifiers import NearestCentre
from support.forecasters import SmoothForecaster
from support.readings import START_MS
from support.records import BYTES, PACKETS, TICK, course, facts, flow_profile, models, record, under, watching
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, DeviceState, FaultKind, Severity
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import DeviceId, MetricName, SiteId
from tidegate.contracts.profile import DemandMapping, DemandTerm, Metric
from tidegate.contracts.scores import samples_of
from tidegate.core.classifier import Classified, class_set
from tidegate.core.demand import site_demand
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.explanation import reasons, suppressions
from tidegate.core.detection.look import look_at, look_back
from tidegate.core.detection.records import evidence
from tidegate.core.detection.records.evidence import MOST_EVIDENCE
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.table import CLASS, UNKNOWN, Records
from tidegate.errors import BundleError

SITE, DEVICE = SiteId("s"), DeviceId("d")


def entry(subject: Detection) -> dict[str, np.ndarray]:
    lane = subject.roster.lanes[subject.roster.devices.lane[0]]
    assert isinstance(lane, RecordLane)
    return {name: column[0] for name, column in lane.rows.export().items()}


def test_an_attack_is_told_by_its_class_and_by_how_long_it_has_been_going_on() -> None:
    subject = watching()
    assert facts(subject, course(("calm", 80))) == []
    told = facts(subject, course(("scan", 20), start=80))
    assert told[0].status is AnomalyStatus.OPENED
    assert (told[0].fault_kind, told[0].class_name) == (FaultKind.ATTACK, "scan")
    assert told[0].event_time_ms <= START_MS + 85_000
    assert told[0].reasons[0].stream == "class"
    assert told[0].reasons[0].text.startswith("classified as scan with .99; evidence has been building up for ")
    assert told[0].bundle == "flows/1@111111111111"
    assert told[-1].severity is Severity.HIGH
    closed = facts(subject, course(("calm", 60), start=100))
    assert [fact.status for fact in closed] == [AnomalyStatus.CLOSED]


def test_a_new_device_is_judged_from_its_first_record_on() -> None:
    subject = watching()
    subject.observe(course(("calm", 1)), TICK)
    assert subject.device_views()[0].state is DeviceState.OK
    assert facts(subject, course(("scan", 8), start=1))[0].class_name == "scan"


def test_stray_records_of_an_attack_alarm_nobody() -> None:
    subject = watching()
    readings = [record(second, "scan" if second % 40 == 0 else "calm") for second in range(200)]
    assert facts(subject, readings) == []


def test_an_attack_that_turns_into_another_is_told_as_that() -> None:
    told = facts(watching(), course(("calm", 50), ("scan", 12), ("flood", 40)))
    assert [fact.class_name for fact in told if fact.class_name != "scan"] == ["flood"]
    assert told[-1].status is AnomalyStatus.UPDATED
    assert len({fact.id for fact in told}) == 1


def test_an_attack_does_not_become_ordinary_by_lasting() -> None:
    told = facts(watching(), course(("calm", 50), ("flood", 300)))
    assert {fact.status for fact in told} == {AnomalyStatus.OPENED, AnomalyStatus.UPDATED}
    assert len(told) <= 3


def test_an_attack_does_not_become_ordinary_by_coming_back() -> None:
    subject = watching()
    attacks = [facts(subject, course(("calm", 80), ("scan", 12), start=92 * number)) for number in range(4)]
    assert [sum(fact.status is AnomalyStatus.OPENED for fact in told) for told in attacks] == [1, 1, 1, 1]


def test_records_that_fit_no_class_count_neither_as_attack_nor_as_ordinary() -> None:
    subject = watching()
    subject.observe(course(("calm", 50), ("scan", 2)), TICK)
    before = entry(subject)["evidence"][CLASS]
    subject.observe(course(("odd", 1), start=52), TICK)
    after = entry(subject)["evidence"][CLASS]
    assert 0.99 * before < after < before
    assert subject.device_views()[0].state is DeviceState.PARTIAL
    explanation = subject.explain(SITE, DEVICE)
    assert explanation is not None
    assert "fits no class that the model knows" in explanation.suppressed_by[0]


def test_many_records_that_fit_no_class_are_an_anomaly_of_their_own() -> None:
    told = facts(watching(), course(("calm", 100), ("odd", 40)))
    assert (told[0].fault_kind, told[0].class_name) == (FaultKind.UNKNOWN_CLASS, "unknown")
    assert told[0].reasons[0].stream == "unknown"
    assert "records fit no class that the model knows" in told[0].reasons[0].text


def test_evidence_decays_with_time_and_is_bounded() -> None:
    subject = watching()
    subject.observe(course(("scan", 30)), TICK)
    assert entry(subject)["evidence"][CLASS] <= MOST_EVIDENCE
    subject.observe([record(7 * 86_400.0, "odd")], TICK)
    assert entry(subject)["evidence"][CLASS] < 1e-3
    assert entry(subject)["mass"].sum() < 1e-3


def test_gaps_are_no_evidence_but_silence_is() -> None:
    subject = watching()
    readings = [record(second, "calm") for second in np.cumsum(np.random.default_rng(0).integers(1, 4, 120)).tolist()]
    assert facts(subject, readings) == []
    assert subject.roster.devices.dropout_rarity[0] == 0.0
    subject.tick(TICK)
    others = [record(1000 + second, "calm", device="other") for second in range(60)]
    for place, reading in enumerate(others):
        subject.observe([reading], TICK)
        subject.tick(TICK + 2000 * place)
    assert subject.device_views()[0].state is DeviceState.STALE


@pytest.mark.parametrize("metrics", [{"packets": None}, {"note": 5.0}, {"stranger": 1.0}], ids=["missing", "known", "unknown"])
def test_a_record_that_lacks_a_column_or_has_others_is_judged_by_what_it_has(metrics: dict[str, float | None]) -> None:
    subject, made = watching(), record(0, "calm")
    assert (
        facts(subject, [replace(made, metrics=made.metrics | {MetricName(name): value for name, value in metrics.items()})]) == []
    )
    view = subject.device_views()[0]
    assert view.score is not None
    assert (view.state is DeviceState.PARTIAL) == ("packets" in metrics)
    assert list(view.metrics) == ["packets", "note", "bytes"]


def test_a_record_without_values_is_not_judged() -> None:
    subject = watching()
    subject.observe([*course(("scan", 3)), record(3, "scan", bytes=None, packets=None)], TICK)
    view = subject.device_views()[0]
    assert (view.score, view.state) == (None, DeviceState.PARTIAL)
    explanation = subject.explain(SITE, DEVICE)
    assert explanation is not None
    assert explanation.suppressed_by == [
        "no record could be judged: none came yet, fewer than half of its columns were there, or the model has no answer"
    ]


def test_a_record_of_none_of_the_columns_or_with_a_huge_value_goes_to_the_dead_letters() -> None:
    stranger = replace(record(0, "calm"), metrics={MetricName("other"): 1.0})
    result = watching().observe([stranger, record(1, "calm", bytes=1e300)], TICK)
    assert [each.reason for each in result.rejections] == [
        DeadLetterReason.NO_KNOWN_METRIC,
        DeadLetterReason.VALUE_OUT_OF_BOUNDS,
    ]


def test_what_no_meter_can_say_is_told_at_once_and_is_not_classified() -> None:
    subject = watching()
    told = facts(subject, [record(0, "calm", bytes=-2000.0)])
    assert (told[0].fault_kind, told[0].metrics) == (FaultKind.OUT_OF_RANGE, [BYTES])
    assert "which the sensor cannot say" in told[0].reasons[0].text
    assert entry(subject)["label"] == 0


def test_a_profile_that_lacks_columns_is_served_by_the_universal_bundle_and_says_so() -> None:
    subject = watching(flow_profile(metrics={BYTES: Metric(), MetricName("note"): Metric()}))
    subject.observe([record(0, "calm")], TICK)
    explanation = subject.explain(SITE, DEVICE)
    assert explanation is not None
    assert explanation.bundle == "smooth/1@000000000000 in place of flows"


def test_a_device_changes_between_forecast_and_classification_and_starts_over_each_time() -> None:
    forecast, classified = flow_profile(bundle=None), flow_profile()
    subject = watching(forecast)
    subject.observe(course(("calm", 80)), TICK)
    assert subject.device_views()[0].state is DeviceState.PARTIAL  # nobody sends `note`
    subject.configure(under(classified))
    assert entry(subject)["label"] == -1
    assert facts(subject, course(("scan", 10), start=80))[0].class_name == "scan"
    subject.configure(under(forecast))
    assert [lane.rows.size for lane in subject.roster.lanes] == [3, 0]
    subject.observe(course(("calm", 1), start=200), TICK)
    assert subject.device_views()[0].state is DeviceState.WARMING
    again = Detection.restore(under(forecast), models(), subject.export_state())
    assert again.digest() == subject.digest()


def test_a_sample_says_later_what_was_said_then() -> None:
    subject = Detection(under(score_every_seconds=1.0), models())
    subject.observe(course(("calm", 20), ("scan", 4)), TICK)
    subject.observe([record(100.0, "calm", device="other")], TICK)
    result = subject.observe([record(24, "odd"), record(101, "scan", device="other", packets=-5000.0)], TICK)
    samples = [sample for batch in subject.samples([result], TICK) for sample in samples_of(batch)]
    assert len(samples) == 2
    for slot, sample in enumerate(sorted(samples, key=lambda each: each.device)):
        now, then = look_at(subject.roster.subject(slot)), look_back(sample.group)
        assert reasons(then, 0.0) == reasons(now, 0.0)
        assert suppressions(then) == suppressions(now)
        assert reasons(now, 0.0)


def test_state_is_one_entry_per_device_whatever_the_columns() -> None:
    assert Records(80, 12, 20).bytes_per_row < 1200
    subject = watching()
    subject.observe([record(0, "calm", device=f"d{number}") for number in range(5)], TICK)
    assert subject.roster.lanes[0].rows.size == 5


def test_demand_of_a_classified_device_goes_by_its_last_record() -> None:
    terms = {"cpu_millicores": DemandMapping(10.0, [DemandTerm(BYTES, 2.0), DemandTerm(MetricName("note"), 1.0)])}
    profile = flow_profile(demand=terms)
    subject = watching(profile)
    subject.observe([record(0, "calm", bytes=30.0, note=7.0), record(0, "calm", device="e", bytes=None)], TICK)
    demand = site_demand(subject.demand_rows(SITE), under(profile))
    assert demand.now[:, 0].tolist() == [10.0, 10.0]  # `note` is no column of the bundle: the constant holds
    profile = flow_profile(demand={"cpu_millicores": DemandMapping(10.0, [DemandTerm(BYTES, 2.0)])})
    assert site_demand(subject.demand_rows(SITE), under(profile)).now[:, 0].tolist() == [70.0, 10.0]


def test_facts_of_releases_before_classes_still_decode() -> None:
    told = facts(watching(), course(("scan", 10)))[0]
    before = encode(replace(told, class_name=None)).replace(b',"class_name":null', b"")
    assert b"class_name" not in before.replace(b'"class_name":"scan"', b"")
    assert decode(before, Anomaly).class_name is None
    assert decode(encode(told), Anomaly) == told


def test_log_odds_are_prior_free_and_bounded() -> None:
    attacks = np.array([False, True, True])
    even = evidence.log_odds(np.zeros((1, 3)), attacks)
    assert even.tolist() == [0.0]
    assert evidence.log_odds(np.array([[0.0, -1e9, -1e9], [-1e9, 0.0, -1e9]]), attacks).tolist() == [-50.0, 50.0]


def test_a_record_that_may_be_anything_is_no_evidence() -> None:
    classes = class_set(NearestCentre().manifest)
    flat = np.full((1, 3), np.float32(1 / 3))
    said = evidence.read(Classified(flat, np.log(flat), np.zeros(1, np.float32)), classes, np.array([True]))
    assert said.likelihood_ratio[0, CLASS] == pytest.approx(0.0)
    assert said.likelihood_ratio[0, UNKNOWN] < 0.0


def test_a_model_without_a_finite_answer_leaves_the_state_finite() -> None:
    class Lost(NearestCentre):
        def classify(self, records: np.ndarray) -> Classified:
            found = super().classify(records)
            lost = (records[:, 0] > 100.0)[:, None]
            likelihood = np.where(lost, np.float32(-np.inf), found.log_likelihood)
            return Classified(np.where(lost, np.float32(np.nan), found.probabilities), likelihood, found.energy)

    subject = Detection(under(), {"universal": SmoothForecaster(), "flows": Lost()})
    subject.observe([*course(("scan", 3)), record(3, "scan", bytes=1e9)], TICK)
    assert subject.device_views()[0].score is None
    assert np.isfinite(entry(subject)["evidence"]).all()
    assert facts(subject, course(("scan", 6), start=4))[0].class_name == "scan"


def test_a_bundle_that_says_no_classes_opens_no_lane() -> None:
    broken = NearestCentre()
    broken.manifest.settings.pop("known_limit")
    subject = Detection(under(), {"universal": SmoothForecaster(), "flows": broken})
    with pytest.raises(BundleError, match="does not say its classes"):
        subject.observe([record(0, "calm")], TICK)


def test_columns_are_found_by_name_whatever_the_order_in_the_profile() -> None:
    ordered = watching(flow_profile(metrics={BYTES: Metric(), PACKETS: Metric()}))
    other = watching(flow_profile(metrics={PACKETS: Metric(), MetricName("a"): Metric(), BYTES: Metric()}))
    for subject in (ordered, other):
        subject.observe(course(("calm", 5), ("flood", 3)), TICK)
    assert entry(ordered)["evidence"].tolist() == entry(other)["evidence"].tolist()
    assert entry(ordered)["label"] == entry(other)["label"] == 2
