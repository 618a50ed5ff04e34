"""Classifiers are judged on blocks that do not leak, and the canary sings where identifiers do."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from tidegate.errors import InputError
from tidegate_training.evaluate import classification
from tidegate_training.evaluate.classification import BLOCKS, SPLITS, block_split, macro_f1, trial
from tidegate_training.evaluate.classifiers import CANARY, MAJORITY
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.flow_table import FlowTable, deduplicated, read_flows

CLASSES = np.repeat([0, 1, 2, 0], [40, 30, 1, 60])


def table(rows=300, random_state=0):
    """Three classes; the features know a little of them, the identifier everything."""
    random = np.random.default_rng(random_state)
    classes = np.sort(random.integers(0, 3, rows))
    features = random.normal(size=(rows, 4)) + classes[:, None] * [1.0, 0.5, 0.0, 0.0]
    return FlowTable(features, classes, classes[:, None] * 1000.0, ("a", "b", "c", "d"), ("x", "y", "z"))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("random_state", range(5))
def test_a_split_is_disjoint_complete_and_has_every_class_that_can_be_split_on_both_sides(split, random_state):
    train, test = SPLITS[split](CLASSES, random_state)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(CLASSES)))
    assert {0, 1} <= set(CLASSES[train]) & set(CLASSES[test])
    assert 2 in CLASSES[train]


@pytest.mark.parametrize("random_state", range(5))
def test_a_block_is_one_stretch_of_each_class(random_state):
    _, test = block_split(CLASSES, random_state)
    for index in (0, 1):
        rows = np.flatnonzero(index == CLASSES)
        place = np.searchsorted(rows, test[CLASSES[test] == index])
        assert len(place) == round(0.3 * len(rows))
        np.testing.assert_array_equal(np.diff(place), 1)


def test_blocks_lie_elsewhere_at_another_random_state_and_the_same_at_the_same():
    assert block_split(CLASSES, 1)[1].tolist() == block_split(CLASSES, 1)[1].tolist()
    assert block_split(CLASSES, 1)[1].tolist() != block_split(CLASSES, 2)[1].tolist()


@pytest.mark.parametrize("random_state", range(6))
def test_macro_f1_is_scikit_learns(random_state):
    random = np.random.default_rng(random_state)
    truth, predicted = random.integers(0, 4, 50), random.integers(0, 5, 50)
    assert macro_f1(truth, predicted, 9) == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_exact_duplicates_go_before_any_split_whatever_their_identifiers():
    once = table()
    rows = [0, 1, 1, 2, 0]
    identifiers = np.arange(5.0)[:, None]
    twice = FlowTable(once.features[rows], once.classes[rows], identifiers, once.feature_names, once.class_names)
    kept = deduplicated(twice)
    assert kept.identifiers[:, 0].tolist() == [0.0, 1.0, 3.0]
    assert kept.duplicates == 2


def test_the_canary_sings_where_identifiers_give_the_class_away():
    flows = table()
    assert trial(flows, BLOCKS, CANARY, 0).macro_f1 == 1.0
    assert trial(flows, BLOCKS, "random forest", 0).macro_f1 < 0.9


def test_the_commonest_class_has_the_accuracy_of_its_share_and_next_to_no_macro_f1():
    flows = table()
    said = trial(flows, BLOCKS, MAJORITY, 0)
    assert said.accuracy == pytest.approx(np.bincount(flows.classes).max() / 300, abs=0.01)
    assert said.macro_f1 < 0.2


def test_a_classifier_of_ones_own_joins_by_a_factory():
    class Silent:
        def fit(self, features, classes):
            assert features.shape[1] == 4

        def predict(self, features):
            return np.full(len(features), 2)

    said = trial(table(), BLOCKS, "mine", 3, lambda _: Silent())
    assert (said.name, said.random_state) == ("mine", 3)
    assert said.f1[0] == 0.0
    assert not math.isnan(said.macro_f1)


def test_a_folder_without_flow_records_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("timestamp,value\n2020-01-01,1\n")
    with pytest.raises(InputError, match="0 files of flow records"):
        read_flows(tmp_path)


def test_the_command_writes_every_tree_on_every_split(tmp_path, monkeypatch):
    monkeypatch.setattr(classification, "RANDOM_STATES", (0, 1))
    random = np.random.default_rng(0)
    kind = np.repeat(["DOS_SYN_Hping", "MQTT_Publish"], 40)
    columns = {
        "id.orig_p": random.integers(1, 9000, 80),
        "id.resp_p": random.integers(1, 9000, 80),
        "proto": ["tcp"] * 80,
        "service": ["-"] * 80,
        "flow_duration": random.random(80) + (kind == "MQTT_Publish"),
        "Attack_type": kind,
    }
    pq.write_table(pa.table(columns), tmp_path / "flows.parquet")
    out = tmp_path / "classifier.json"
    done = CliRunner().invoke(
        app, ["classifier", "--data", str(tmp_path), "--out", str(out), "--no-networks"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())["figures"]
    assert set(figures["blocks"]) == {"random forest", "extra trees", "boosted trees", "identifiers only", "always the commonest"}
    assert figures["blocks"]["random forest"]["random_states"] == 2
    assert figures["random_leaky"]["random forest"]["macro_f1"] > 0.9
