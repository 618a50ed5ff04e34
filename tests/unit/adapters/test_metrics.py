"""Metrics: what was counted is what is shown, in names and labels that Prometheus likes."""

import math
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tidegate.adapters.catalogue import INSTRUMENTS, Kind, reference_page
from tidegate.adapters.histogram import BatchHistogram
from tidegate.adapters.memory import NullMetrics
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.contracts.anomaly import AnomalyStatus, DeviceState, Severity
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import ProfileName
from tidegate.contracts.plan import DecisionStatus, Phase, Trigger
from tidegate.contracts.views import Balance
from tidegate.ports import BatchReport, Levels, Metrics

DOCS = Path(__file__).parents[3] / "docs"


def samples(metrics: Metrics) -> dict[str, float]:
    """Every series as `name{label="value"}`, labels sorted."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_a_batch_is_counted_by_outcome_reason_severity_and_stage() -> None:
    metrics = PrometheusMetrics()
    report = BatchReport(
        readings=Balance(received=10, scored=6, duplicate=1, quarantined=1, dead_lettered=2),
        dead_letters={DeadLetterReason.NOT_JSON: 2, DeadLetterReason.CLOCK_AHEAD: 1},
        neg_log10_p=np.array([0.1, 0.3, 3.0, np.nan, 12.0, 0.2]),
        late=2,
        rerun=40,
        anomalies_opened={(Severity.HIGH, ProfileName("pump")): 1},
        anomalies_revised={AnomalyStatus.RETRACTED: 1},
        decisions={(DecisionStatus.APPLIED, Trigger.GATEWAY_DOWN): 1},
        moves={Trigger.GATEWAY_DOWN: 7},
        assignments={Phase.ACTIVE: 6, Phase.UNSERVED: 1},
        seconds={"decode": 0.002, "core": 0.004, "commit": 0.02},
    )
    metrics.batch(report)
    metrics.batch(report)
    shown = samples(metrics)
    assert shown["tidegate_readings_total{outcome=scored}"] == 12
    assert sum(value for name, value in shown.items() if name.startswith("tidegate_readings_total")) == 20
    assert shown["tidegate_deadletters_total{reason=not-json}"] == 4
    assert shown["tidegate_anomalies_total{profile=pump,severity=high}"] == 2
    assert (shown["tidegate_readings_late_total"], shown["tidegate_readings_rerun_total"]) == (4, 80)
    assert shown["tidegate_anomalies_revised_total{status=retracted}"] == 2
    assert shown["tidegate_anomalies_revised_total{status=amended}"] == 0
    assert shown["tidegate_decisions_total{status=applied,trigger=gateway-down}"] == 2
    assert shown["tidegate_moves_total{trigger=gateway-down}"] == 14
    assert shown["tidegate_assignments_total{phase=unserved}"] == 2
    assert shown["tidegate_batch_seconds_bucket{le=0.0025,stage=decode}"] == 2
    assert shown["tidegate_batch_seconds_bucket{le=0.0025,stage=commit}"] == 0
    assert shown["tidegate_score_neg_log10_p_count"] == 10
    assert shown["tidegate_score_neg_log10_p_bucket{le=3.0}"] == 8
    assert shown["tidegate_readings_unjudged_total"] == 2
    assert shown["tidegate_batch_readings_bucket{le=10.0}"] == 2


def test_levels_add_up_over_partitions_and_lags_show_the_worst() -> None:
    metrics = PrometheusMetrics()
    metrics.levels(0, Levels({"t": 99}, 50.0, {DeviceState.OK: 1}))
    metrics.levels(0, Levels({"t": 5}, 2.0, {DeviceState.OK: 3, DeviceState.STALE: 1}, 4, 1, 0, 2, 0.5, 7))
    states = {DeviceState.OK: 3, DeviceState.WARMING: 1}
    metrics.levels(1, Levels({"t": 7}, 3.5, states, 1, 1, 1, 0, 1.2, 5, suspect_gateways=2, censored_devices=3))
    metrics.levels(2, Levels(censored_devices=4))
    shown = samples(metrics)
    assert shown["tidegate_lag_records{topic=t}"] == 12
    assert shown["tidegate_event_time_lag_seconds"] == 3.5
    assert shown["tidegate_devices{state=ok}"] == 6
    assert shown["tidegate_unknown_ratio"] == 0.25
    assert shown["tidegate_pending_messages"] == 5
    assert shown["tidegate_anomalies_open"] == 2
    assert shown["tidegate_tail_readings"] == 12
    assert shown["tidegate_incidents_open"] == 1
    assert shown["tidegate_unserved_devices"] == 2
    assert shown["tidegate_gateway_utilisation_max_ratio"] == 1.2
    assert shown["tidegate_suspect_gateways"] == 2
    assert shown["tidegate_censored_devices"] == 7


def test_headroom_is_that_of_the_worst_partition_and_none_without_a_topology() -> None:
    metrics = PrometheusMetrics()
    metrics.levels(0, Levels())
    assert math.isnan(samples(metrics)["tidegate_headroom_without_one_ratio"])
    metrics.levels(1, Levels(headroom_ratio=0.25))
    metrics.levels(2, Levels(headroom_ratio=-0.1))
    assert samples(metrics)["tidegate_headroom_without_one_ratio"] == -0.1


def test_each_profile_s_first_anomaly_is_seen_as_one_and_alerts_are_counted() -> None:
    metrics = PrometheusMetrics()
    metrics.profiles(["pump", "fan"])
    metrics.alerts_sent(5, 1)
    metrics.alerts_failed()
    metrics.alerts_dropped(2)
    shown = samples(metrics)
    assert shown["tidegate_anomalies_total{profile=fan,severity=critical}"] == 0
    assert [shown[f"tidegate_alerts_{what}_total"] for what in ("sent", "refused", "failed", "dropped")] == [5, 1, 1, 2]


def test_the_time_to_drain_is_that_of_the_slowest_partition_of_which_it_is_known() -> None:
    metrics = PrometheusMetrics()
    metrics.levels(0, Levels({"t": 5, "u": 1}, drain_seconds={"t": math.nan, "u": math.nan}))
    metrics.levels(1, Levels({"t": 5, "u": 1}, drain_seconds={"t": 3.0, "u": math.nan}))
    metrics.levels(2, Levels({"t": 5}, drain_seconds={"t": 2.0}))
    shown = samples(metrics)
    assert shown["tidegate_drain_seconds{topic=t}"] == 3.0
    assert math.isnan(shown["tidegate_drain_seconds{topic=u}"])
    metrics.levels(2, Levels({"t": 5}, drain_seconds={"t": math.inf}))
    assert samples(metrics)["tidegate_drain_seconds{topic=t}"] == math.inf


def test_plans_requests_bundles_and_the_log_are_shown() -> None:
    metrics = PrometheusMetrics()
    with metrics.planning():
        pass
    with pytest.raises(ValueError, match="no"), metrics.planning():
        raise ValueError("no")
    metrics.http_request("/v1/readings", "POST", 202, 0.004)
    metrics.bundles({"old/1@0": 1.0})
    metrics.bundles({"universal/1@abcdef012345": 1_700_000_000.5})
    metrics.log_bytes(4096)
    metrics.replayed(7)
    shown = samples(metrics)
    assert shown["tidegate_plan_seconds_count"] == 1
    assert shown["tidegate_plans_failed_total"] == 1
    assert shown["tidegate_http_requests_total{method=POST,route=/v1/readings,status=202}"] == 1
    assert shown["tidegate_http_request_seconds_bucket{le=0.005,method=POST,route=/v1/readings}"] == 1
    assert [name for name in shown if "bundle_info" in name] == [
        "tidegate_bundle_info{bundle=universal,digest=abcdef012345,version=1}"
    ]
    assert shown["tidegate_bundle_created_timestamp_seconds{bundle=universal,version=1}"] == 1_700_000_000.5
    assert shown["tidegate_log_bytes"] == 4096
    assert shown["tidegate_replayed_batches_total"] == 7


def test_before_anything_happened_closed_labels_stand_at_zero() -> None:
    shown = samples(PrometheusMetrics())
    assert shown["tidegate_readings_total{outcome=duplicate}"] == 0
    assert all(shown[f"tidegate_deadletters_total{{reason={reason}}}"] == 0 for reason in DeadLetterReason)


def test_two_services_in_one_process_count_apart() -> None:
    one, other = PrometheusMetrics(), PrometheusMetrics()
    one.replayed(3)
    assert samples(other)["tidegate_replayed_batches_total"] == 0


def test_nothing_is_lost_when_threads_count_at_once() -> None:
    metrics = PrometheusMetrics()
    report = BatchReport(readings=Balance(received=5, scored=5), neg_log10_p=np.ones(5))
    threads = [threading.Thread(target=lambda: [metrics.batch(report) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = samples(metrics)
    assert shown["tidegate_readings_total{outcome=scored}"] == 4000
    assert shown["tidegate_score_neg_log10_p_count"] == 4000


def test_a_batch_histogram_counts_as_a_loop_would() -> None:
    bounds = (0.5, 1.0, 2.0)
    values = np.array([0.0, 0.5, 0.50001, 1.0, 2.0, 2.1, np.inf, -3.0])
    histogram = BatchHistogram("h", "text", (), bounds)
    histogram.observe(np.append(values, np.nan))
    (family,) = histogram.collect()
    found = {sample.labels["le"]: sample.value for sample in family.samples if sample.name == "h_bucket"}
    assert found == {str(bound): float((values <= bound).sum()) for bound in bounds} | {"+Inf": 8.0}


def test_the_null_version_keeps_the_port_and_shows_nothing() -> None:
    metrics: Metrics = NullMetrics()
    metrics.batch(BatchReport())
    with metrics.planning():
        metrics.replayed(1)
    assert metrics.render() == b""


def test_names_and_labels_follow_the_conventions() -> None:
    for each in INSTRUMENTS:
        assert re.fullmatch(r"tidegate(_[a-z0-9]+)+", each.name)
        assert each.name.endswith("_total") == (each.kind is Kind.COUNTER)
        assert not {"device", "site", "gateway"} & set(each.labels)
        assert list(each.buckets) == sorted(set(each.buckets))
        assert bool(each.buckets) == (each.kind is Kind.HISTOGRAM)


def test_the_reference_page_is_fresh() -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert page == reference_page(), "run `python -m tidegate.cli.metrics write docs/metrics.md`"
    assert all(f"`{each.name}`" in page for each in INSTRUMENTS)
