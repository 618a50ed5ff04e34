"""Bundles of task `classify`: served when they are what they say, refused with what differs, or where a profile lacks columns."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from tiny_classifier import CLASSES, tiny_classifier, without, write_classifier
from typer.testing import CliRunner

from tidegate.adapters.bundles import shipped_bundles
from tidegate.adapters.onnx import load_bundle, load_model, verify_bundle
from tidegate.adapters.onnx_classifier import OnnxClassifier
from tidegate.adapters.probe import check_classification
from tidegate.bootstrap.configuration import load_forecasters
from tidegate.cli.bundle import app as bundle_commands
from tidegate.cli.config import app as config_commands
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import MetricName, ProfileName
from tidegate.contracts.profile import Metric, Profile
from tidegate.core.classifier import Classified, Classifier
from tidegate.errors import BundleError
from tidegate.settings import Settings


def loaded(tmp_path: Path) -> OnnxClassifier:
    model = load_model(write_classifier(tmp_path))
    assert isinstance(model, OnnxClassifier)
    return model


def test_a_sound_bundle_classifies_and_cites_itself(tmp_path: Path) -> None:
    model = loaded(tmp_path)
    assert isinstance(model, Classifier)
    assert model.identity == f"flows/1@{model.manifest.model_sha256[:12]}"
    records = np.array([[0.0, 0.0], [9.0, np.nan], [np.nan, 9.0]])
    found = model.classify(records)
    assert found.probabilities.argmax(axis=1).tolist() == [0, 1, 2]
    assert found.energy.shape == (3,)
    assert np.isnan(records[1, 1])


def test_no_records_give_no_classes(tmp_path: Path) -> None:
    found = loaded(tmp_path).classify(np.empty((0, 2)))
    assert found.probabilities.shape == found.log_likelihood.shape == (0, len(CLASSES))
    assert found.energy.shape == (0,)


def test_records_of_other_width_are_our_error_not_the_runtimes(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="failed on 1 records"):
        loaded(tmp_path).classify(np.zeros((1, 3)))


def test_verifying_a_sound_bundle_finds_nothing_also_by_the_command(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path)
    assert verify_bundle(folder) == []
    assert CliRunner().invoke(bundle_commands, ["verify", str(folder)]).exit_code == 0
    assert "flows/1" in CliRunner().invoke(bundle_commands, ["list", str(tmp_path)]).output


def test_a_forecaster_is_not_taken_for_a_classifier_nor_the_other_way_round(tmp_path: Path) -> None:
    assert not isinstance(load_model(shipped_bundles() / "universal" / "1"), Classifier)
    with pytest.raises(BundleError, match="task is classify, expected forecast"):
        load_bundle(write_classifier(tmp_path))


SETTINGS = {"normal": "calm", "known_limit": -5.0, "known_share": 0.95}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": [], "units": []}, "metrics is [], expected the columns of a record"),
        ({"metrics": ["bytes", "bytes"]}, "expected the columns of a record, each once"),
        ({"metrics": ["bytes"]}, "input records is tensor(double) ['B', 2], expected tensor(double) ['batch', 1]"),
        ({"prior": {"calm": [1.0]}}, "expected classes of which some are normal and some attacks"),
        ({"prior": {"calm": [0.5], "scan": [0.5]}}, "output probabilities is tensor(float) ['B', 3]"),
        ({"settings": {**SETTINGS, "normal": "quiet"}}, "settings normal is quiet, expected of calm, scan, flood"),
        ({"settings": {**SETTINGS, "normal": "calm,scan,flood"}}, "some are normal and some attacks"),
        ({"settings": {"normal": "calm"}}, "expected numbers known_limit and known_share"),
        ({"settings": {**SETTINGS, "known_limit": "low"}}, "expected numbers known_limit and known_share"),
        ({"settings": {**SETTINGS, "known_share": 1.0}}, "expected a ratio and a finite energy"),
        ({"name": "universal"}, "task of the bundle that serves every profile is classify, expected forecast"),
        ({"model_sha256": "0" * 64}, "model.onnx: sha256 is "),
        ({"parity_max_abs": 0.1}, "parity_max_abs is 0.1"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = write_classifier(tmp_path, changes=changes)
    assert any(message in str(finding) for finding in verify_bundle(folder)), verify_bundle(folder)
    with pytest.raises(BundleError):
        load_model(folder)


def test_a_graph_without_an_output_is_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path, tiny_classifier(without("energy")))
    assert [str(finding) for finding in verify_bundle(folder)] == [
        "model.onnx: output energy is missing, expected ('tensor(float)', ())"
    ]


def mixes_its_batch(graph: onnx.GraphProto) -> None:
    """Let each record's logits depend on the records beside it."""
    graph.node[5].output[0] = "alone"
    graph.node.insert(6, helper.make_node("ReduceMean", ["alone"], ["beside"], axes=[0], keepdims=1))
    graph.node.insert(7, helper.make_node("Add", ["alone", "beside"], ["logits"]))


def test_a_record_whose_class_depends_on_its_batch_is_refused_bit_for_bit(tmp_path: Path) -> None:
    findings = verify_bundle(write_classifier(tmp_path, tiny_classifier(mixes_its_batch)))
    assert {finding.what for finding in findings} >= {"probabilities at batch size 1", "energy at batch size 3"}
    assert all(finding.expected == "bit for bit as at 64" for finding in findings)


def test_probabilities_that_are_none_and_what_is_not_finite_are_found(tmp_path: Path) -> None:
    sound = loaded(tmp_path)

    class Broken:
        manifest, identity = sound.manifest, sound.identity

        def classify(self, records: np.ndarray) -> Classified:
            found = sound.classify(records)
            return Classified(2 * found.probabilities, found.log_likelihood, np.full_like(found.energy, np.nan))

    assert [finding.what for finding in check_classification(Broken())] == ["energy on ordinary records", "probabilities"]


def profiles(**metrics: Metric) -> CoreConfiguration:
    columns = {MetricName(name): metric for name, metric in metrics.items()}
    return CoreConfiguration({"net": Profile(ProfileName("net"), 1.0, columns, bundle="flows")})


def test_a_profile_is_served_by_a_classifier_only_if_it_has_its_columns(tmp_path: Path) -> None:
    write_classifier(tmp_path)
    settings = Settings(bundles=(tmp_path,))
    models = load_forecasters(settings, profiles(bytes=Metric(), packets=Metric(), more=Metric()))
    assert isinstance(models["flows"], Classifier)
    assert models["flows"] is models["flows/1"]
    with pytest.raises(BundleError, match=r"profile 'net' lacks 1 of the 2 columns that bundle flows/1 classifies by: 'packets'"):
        load_forecasters(settings, profiles(bytes=Metric()))


def test_config_check_names_the_columns_that_a_profile_lacks(tmp_path: Path) -> None:
    write_classifier(tmp_path)
    profile = tmp_path / "net.yaml"
    profile.write_text("name: net\ninterval_seconds: 1\nbundle: flows\nmetrics: {bytes: {}}\n", encoding="utf-8")
    found = CliRunner().invoke(
        config_commands, ["check"], env={"TIDEGATE_PROFILES": f"[{profile}]", "TIDEGATE_BUNDLES": f"[{tmp_path}]"}
    )
    assert found.exit_code != 0
    assert "profile 'net' lacks 1 of the 2 columns that bundle flows/1 classifies by: 'packets'" in found.output
