"""The classifier of flow records: prepared from training rows alone, calibrated, refused where it makes no sense."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from support.classifiers import CENTRES, CLASSES, NearestCentre
from tidegate.adapters.onnx import load_bundle, load_model, verify_bundle
from tidegate.core.classifier import class_set
from tidegate.core.detection.records import evidence
from tidegate.errors import BundleError, InputError
from tidegate_training.commands import train
from tidegate_training.evaluate.classifier_checks import area_under_roc, paper_preparation, unknown_classes
from tidegate_training.evaluate.flow_streams import streams, turned, unknown_attack_figures, watched
from tidegate_training.evaluate.flow_table import FlowTable, read_flows
from tidegate_training.flows.bundle import UNKNOWN, FlowBundle
from tidegate_training.flows.calibration import best_temperature, calibration_error, group_log_odds, log_softmax
from tidegate_training.flows.classifier import DenseFlows, log_shares, train_classifier
from tidegate_training.flows.fit import fit_network, logits_of
from tidegate_training.flows.imbalance import class_weights, smote
from tidegate_training.flows.preparation import learn_preparation, paper_rows
from tidegate_training.flows.settings import SMOKE, FlowSettings
from tidegate_training.report.flow_plots import roc

NAMES = ("bytes", "seconds", "packets", "proto")
QUICK = FlowSettings(epochs=12, batch=64, learning_rate=1e-2)


def flows(rows=240, random_state=0):
    """Three classes by two amounts over decades, one useless amount, and a protocol."""
    random = np.random.default_rng(random_state)
    classes = np.sort(random.integers(0, 3, rows))
    amounts = np.exp(random.normal(size=(rows, 3)) + classes[:, None] * [3.0, -3.0, 0.0])
    return np.column_stack([amounts, random.choice([6.0, 17.0], rows)]), classes


def write_parquet(path, rows=60, kinds=("DOS_SYN_Hping", "MQTT_Publish"), **more):
    random = np.random.default_rng(0)
    kind = np.repeat(kinds, rows // len(kinds)) if rows else np.array([], str)
    columns = {
        "id.orig_p": random.integers(1, 9000, rows),
        "id.resp_p": random.integers(1, 9000, rows),
        "proto": ["tcp"] * rows,
        "service": ["-"] * rows,
        "flow_duration": random.random(rows) + (kind == kinds[0]),
        "Attack_type": kind,
    }
    pq.write_table(pa.table({**columns, **more}), path)


def test_limits_come_from_the_rows_learned_from_and_missing_values_become_their_median():
    features, _ = flows()
    learned = learn_preparation(features, NAMES, QUICK)
    huge = features[:1].copy()
    huge[0, :3] = [1e300, np.nan, -1e300]
    inputs = learned.apply(huge)
    assert inputs.dtype == np.float32
    assert inputs[0, 0] == QUICK.clip
    assert inputs[0, 2] == -QUICK.clip
    median = features[:1].copy()
    median[0, 1] = np.median(features[:, 1])
    assert inputs[0, 1] == learned.apply(median)[0, 1]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_constant_or_never_observed_feature_says_nothing_and_never_infinity(scale):
    features, _ = flows()
    features[:, 0], features[:, 1] = 5.0, np.nan
    inputs = learn_preparation(features, NAMES, replace(QUICK, scale=scale)).apply(features)
    assert np.isfinite(inputs).all()
    assert not inputs[:, :2].any()


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_other_units_of_measurement_give_the_same_inputs(scale):
    features, _ = flows()
    settings = replace(QUICK, scale=scale)
    other = features * [1000.0, 8.0, 0.5, 1.0] + [0.0, 4.0, -2.0, 0.0]
    once = learn_preparation(features, NAMES, settings).apply(features)
    np.testing.assert_allclose(learn_preparation(other, NAMES, settings).apply(other), once, atol=1e-4)


def test_a_code_never_seen_in_training_gives_zeros():
    features, _ = flows()
    learned = learn_preparation(features, NAMES, QUICK)
    features[0, 3] = 132.0
    inputs = learned.apply(features)
    assert inputs[0, 3:].tolist() == [0.0, 0.0]
    assert inputs[1, 3:].sum() == 1.0


def test_the_papers_outlier_rule_removes_rare_extremes_and_looks_at_all_rows():
    features = np.ones((200, 2)) + np.random.default_rng(0).normal(scale=0.1, size=(200, 2))
    features[7, 0] = 50.0
    features[8, 1] = np.nan
    assert 7 in np.flatnonzero(~paper_rows(features))
    assert paper_rows(features)[8]
    assert paper_rows(features).sum() > 190


def test_weights_make_classes_count_alike_and_have_mean_one_over_rows():
    classes = np.repeat([0, 1], [90, 10])
    weights = class_weights(classes, 3, "weights")
    assert weights[0] * 90 == pytest.approx(weights[1] * 10)
    assert weights[classes].mean() == pytest.approx(1.0)
    assert class_weights(classes, 3, "root-weights")[1] / class_weights(classes, 3, "root-weights")[0] == pytest.approx(3.0)
    assert class_weights(classes, 3, "none").tolist() == [1.0, 1.0, 1.0]


def test_synthetic_rows_lie_between_rows_of_their_class_and_even_the_classes_out():
    inputs = np.random.default_rng(0).normal(size=(63, 2)).astype(np.float32)
    classes = np.repeat([0, 1, 2], [50, 12, 1])
    more, labels = smote(inputs, classes, 0)
    assert np.bincount(labels).tolist() == [50, 50, 50]
    np.testing.assert_array_equal(more[:63], inputs)
    made = more[63:][labels[63:] == 1]
    members = inputs[classes == 1]
    assert (made >= members.min(0) - 1e-6).all()
    assert (made <= members.max(0) + 1e-6).all()
    np.testing.assert_array_equal(np.unique(more[labels == 2], axis=0), inputs[classes == 2])


def test_the_temperature_that_made_logits_too_sure_is_found_and_lowers_the_calibration_error():
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3)) * 2.0
    classes = np.array([random.choice(3, p=row) for row in np.exp(log_softmax(logits))])
    sure = (logits * 4.0).astype(np.float32)
    assert best_temperature(sure, classes) == pytest.approx(4.0, rel=0.1)
    before = calibration_error(np.exp(log_softmax(sure)), classes)
    assert calibration_error(np.exp(log_softmax(sure / 4.0)), classes) < before / 3


def test_log_odds_are_even_where_every_class_is_as_likely():
    attacks = np.array([True, True, False])
    assert group_log_odds(np.zeros((1, 3)), attacks).tolist() == [0.0]
    assert group_log_odds(np.array([[2.0, 2.0, 0.0]]), attacks)[0] == pytest.approx(2.0)


def test_log_odds_do_not_depend_on_how_common_classes_were_in_training():
    features, classes = flows(300)
    thinned = np.concatenate([np.flatnonzero(classes == 0)[::6], np.flatnonzero(classes > 0)])
    attacks, odds = np.array([False, True, True]), []
    for rows in (np.arange(300), thinned):
        trained = train_classifier(features[rows], classes[rows], NAMES, 3, replace(QUICK, imbalance="none"))
        likelihood = log_softmax(trained.logits(features) / trained.temperature) - trained.log_prior
        odds.append(group_log_odds(likelihood, attacks))
    assert np.corrcoef(odds)[0, 1] > 0.9


def test_shares_are_as_the_loss_weighed_them():
    classes = np.repeat([0, 1], [90, 10])
    for imbalance, share in (("none", 0.9), ("root-weights", 0.75), ("weights", 0.5), ("smote", 0.5)):
        assert np.exp(log_shares(classes, 2, replace(QUICK, imbalance=imbalance)))[0] == pytest.approx(share, abs=1e-3)


def test_the_same_settings_give_the_same_network_and_leave_torchs_generator_alone():
    import torch  # noqa: PLC0415

    features, classes = flows()
    inputs = learn_preparation(features, NAMES, SMOKE).apply(features)
    torch.manual_seed(5)
    first = logits_of(fit_network(inputs, classes, 3, SMOKE)[0], inputs)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    np.testing.assert_array_equal(torch.rand(1).numpy(), drawn.numpy())
    np.testing.assert_array_equal(logits_of(fit_network(inputs, classes, 3, SMOKE)[0], inputs), first)


def test_a_network_learns_what_can_be_learned():
    features, classes = flows()
    network = DenseFlows(NAMES, 3, QUICK).fit(features, classes)
    assert (network.predict(features) == classes).mean() > 0.9
    assert network.curves.loss[-1] < network.curves.loss[0]


@pytest.mark.parametrize(("rows", "said"), [(0, "no flow records"), (50, "of one class")])
def test_nothing_to_tell_apart_is_refused(rows, said):
    features, _ = flows()
    with pytest.raises(InputError, match=said):
        train_classifier(features[:rows], np.zeros(rows, np.int64), NAMES, 3, SMOKE)


def test_a_class_far_from_all_known_ones_is_called_unknown_more_often_than_known_rows():
    features, classes = flows(240)
    table = FlowTable(features, classes, classes[:, None] * 1.0, NAMES, ("x", "y", "z"))
    found = unknown_classes(table, QUICK)
    assert set(found) == {"x", "y", "z"}
    assert all(0.0 <= row["called_unknown"] <= 1.0 for row in found.values())
    assert all(row["known_rows_called_unknown"] < 0.3 for row in found.values())


def test_the_papers_way_with_identifiers_flatters_itself():
    features, classes = flows(450)
    random = np.random.default_rng(1)
    useless = FlowTable(random.normal(size=features.shape), classes, classes[:, None] * 1.0, NAMES, ("x", "y", "z"))
    figures, removed = paper_preparation(useless, replace(QUICK, scale="linear", clip=float("inf")))
    assert figures["accuracy"] > 0.9
    assert set(removed) == {"x", "y", "z"}


def test_areas_under_curves_agree_with_their_definition():
    positive, negative = np.array([3.0, 2.0, 2.0]), np.array([2.0, 1.0])
    assert area_under_roc(positive, negative) == pytest.approx((2 + 1.5 + 1.5) / 6)
    right, wrong = roc(np.concatenate([positive, negative]), np.repeat([True, False], [3, 2]))
    assert np.trapezoid(right, wrong) == pytest.approx((2 + 1.5 + 1.5) / 6)
    assert np.isnan(area_under_roc(positive, negative[:0]))


def test_an_attack_left_out_of_training_is_never_told_by_its_own_name():
    kinds = np.repeat([0, 1, 2], [60, 30, 180])
    random = np.random.default_rng(0)
    features = CENTRES[(kinds + 1) % 3] + random.normal(size=(len(kinds), 2))
    names = ("ARP_poisioning", "DOS_SYN_Hping", "MQTT_Publish")
    table = FlowTable(features, kinds, features, ("flow_duration", "fwd_pkts_tot"), names)
    found = unknown_attack_figures(table, QUICK)
    assert list(found) == ["ARP_poisioning"]
    row = found["ARP_poisioning"]
    assert row["records"] == 60
    assert row["told_as"] in (None, "DOS_SYN_Hping", UNKNOWN)
    assert row["told"] == (row["delay_records"] is not None)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle by the command itself, from a small file."""
    folder = tmp_path_factory.mktemp("flows")
    write_parquet(folder / "flows.parquet")
    done = CliRunner().invoke(
        train, ["flows", "--data", str(folder / "flows.parquet"), "--out", str(folder), "--smoke"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return folder / "flows" / "1"


def test_the_command_writes_a_bundle_with_both_graphs_and_the_papers_figures(bundle):
    read = FlowBundle(bundle)
    assert read.classes == ("DOS_SYN_Hping", "MQTT_Publish")
    assert read.manifest.parity_max_abs < 1e-5
    assert read.manifest.figures["float32_batch_results_differing"] == 0
    report = (bundle / "report.html").read_text()
    for figure in ("confusion matrix", "ROC curve", "distribution of predictions", "loss against data size", "activations"):
        assert f'alt="{figure}' in report
    json.loads((bundle / "manifest.json").read_text())


@pytest.mark.parametrize("int8", [False, True])
def test_a_bundle_takes_columns_in_any_order_and_passes_over_what_it_does_not_know(bundle, int8):
    read = FlowBundle(bundle, int8=int8)
    names = read.manifest.metrics
    records = np.array([[6.0, 0.0, 0.2], [6.0, 0.0, 1.9], [np.nan] * 3])
    there = [names.index(name) for name in ("proto", "service", "flow_duration")]
    ordered = np.empty_like(records)
    ordered[:, there] = records
    once = read.classify(ordered, names)
    again = read.classify(np.column_stack([records, np.full(3, 9.0)]), ("proto", "service", "flow_duration", "label"))
    np.testing.assert_array_equal(once.probabilities, again.probabilities)
    assert np.isfinite(once.log_odds).all()
    assert set(once.label) <= {*read.classes, UNKNOWN}


def test_records_without_a_feature_are_refused_by_its_name(bundle):
    with pytest.raises(InputError, match="no flow_duration"):
        FlowBundle(bundle).classify(np.zeros((1, 2)), ("proto", "service"))


def test_the_service_serves_what_was_trained_as_training_reads_it(bundle):
    assert verify_bundle(bundle) == []
    served, read = load_model(bundle), FlowBundle(bundle)
    names = served.manifest.metrics
    records = np.array([[6.0, 0.0, value] for value in (0.2, 1.9)])[
        :, [("proto", "service", "flow_duration").index(n) for n in names]
    ]
    np.testing.assert_array_equal(served.classify(records).probabilities, read.classify(records, names).probabilities)
    said = evidence.read(served.classify(records), class_set(served.manifest), np.array([True, True]))
    np.testing.assert_allclose(said.log_odds, read.classify(records, names).log_odds, rtol=1e-9)
    with pytest.raises(BundleError, match="task is classify, expected forecast"):
        load_bundle(bundle)


def test_test_blocks_become_devices_and_a_single_record_is_no_alarm():
    columns = ("flow_duration", "fwd_pkts_tot")
    kinds = np.repeat([0, 1, 0, 2, 0], [60, 12, 60, 1, 60])
    table = FlowTable(CENTRES[kinds], kinds, CENTRES[kinds], columns, CLASSES)
    dealt = streams(table, np.arange(len(kinds)), normal=["calm"])
    assert [(stream.attack, len(stream.rows), int(stream.labels.sum())) for stream in dealt] == [
        ("scan", 102, 12),
        ("flood", 91, 1),
    ]
    assert sorted(np.concatenate([stream.rows for stream in dealt]).tolist()) == list(range(len(kinds)))
    model = NearestCentre(columns=columns)
    said = watched(table, dealt, model)
    assert said[0][1] == ["scan"]
    assert dealt[0].labels[said[0][0][0]] == 1
    assert said[1] == ([], [])
    assert [
        [int(stream.labels[row]) for row in rows] for stream, rows in zip(dealt, turned(table, dealt, model), strict=True)
    ] == [[1], [1]]


def test_a_model_that_was_changed_is_refused(bundle, tmp_path):
    for file in bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match="not the one"):
        FlowBundle(tmp_path)


@pytest.mark.parametrize(
    ("rows", "kinds", "said"),
    [
        (0, ("DOS_SYN_Hping", "MQTT_Publish"), "flow records"),
        (40, ("DOS_SYN_Hping",), "one class"),
        (40, ("DOS_SYN_Hping", "ARP_poisioning"), "none is normal"),
    ],
    ids=["empty", "one class", "attacks only"],
)
def test_the_command_says_in_a_line_what_is_wrong_with_a_file(tmp_path, rows, kinds, said):
    write_parquet(tmp_path / "flows.parquet", rows, kinds)
    done = CliRunner().invoke(train, ["flows", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--smoke"])
    assert done.exit_code == 1
    assert said in done.output
    assert not (tmp_path / "out").exists()


def test_missing_values_in_a_file_are_imputed(tmp_path):
    write_parquet(tmp_path / "flows.parquet", more=pa.array([None, 1.0] * 30, pa.float64()))
    table = read_flows(tmp_path)
    trained = train_classifier(table.features, table.classes, table.feature_names, 2, replace(SMOKE, imbalance="smote"))
    assert np.isnan(table.features).any()
    assert np.isfinite(trained.probabilities(table.features)).all()


def test_a_class_the_bundle_never_saw_is_no_error_and_never_gets_a_name_of_its_own(bundle):
    read = FlowBundle(bundle)
    strange = np.full((2, len(read.manifest.metrics)), 1e12)
    assert set(read.classify(strange, read.manifest.metrics).label) <= {*read.classes, UNKNOWN}
