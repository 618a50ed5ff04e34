"""Bundles: what is served is what was trained, or it is refused saying what differs."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tiny_bundle import tiny_model, write_bundle
from tiny_parts import OPSET

from tidegate.adapters.bundles import bundle_catalogue, shipped_bundles
from tidegate.adapters.onnx import load_bundle, verify_bundle
from tidegate.adapters.opset import opset_version
from tidegate.contracts.manifest import StateTensor
from tidegate.errors import BundleError


def fresh(rows: int) -> dict[str, np.ndarray]:
    return {"level": np.zeros((rows, 1)), "memory": np.zeros((rows, 3), np.float32)}


def ones(rows: int) -> np.ndarray:
    return np.ones(rows, np.float32)


def test_a_sound_bundle_steps_and_cites_itself(tmp_path: Path) -> None:
    forecaster = load_bundle(write_bundle(tmp_path))
    step = forecaster.step(np.array([8.0, np.nan]), np.array([1, 0], np.float32), ones(2), ones(2), fresh(2))
    assert step.quantiles.shape == (2, 4, 7)
    assert step.quantiles.dtype == np.float64
    assert step.quantiles[0, :, 3].tolist() == [4.0, 4.0, 4.0, 4.0]
    assert step.state["level"][0].tolist() == [4.0]
    assert step.state["memory"].dtype == np.float32
    assert forecaster.identity == f"tiny/1@{forecaster.manifest.model_sha256[:12]}"


def test_stepping_changes_no_input(tmp_path: Path) -> None:
    forecaster = load_bundle(write_bundle(tmp_path))
    values, state = np.array([8.0]), fresh(1)
    forecaster.step(values, ones(1), ones(1), ones(1), state)
    assert values.tolist() == [8.0]
    assert not state["level"].any() and not state["memory"].any()


def test_an_empty_batch_gives_an_empty_result(tmp_path: Path) -> None:
    forecaster = load_bundle(write_bundle(tmp_path))
    step = forecaster.step(np.empty(0), ones(0), ones(0), ones(0), fresh(0))
    assert step.quantiles.shape == (0, 4, 7)
    assert step.state["memory"].shape == (0, 3)


def test_input_of_the_wrong_shape_is_our_error_not_the_runtimes(tmp_path: Path) -> None:
    forecaster = load_bundle(write_bundle(tmp_path))
    with pytest.raises(BundleError, match="failed on 2 rows"):
        forecaster.step(np.zeros(2), ones(2), ones(2), ones(2), {"level": np.zeros((2, 1))})


def test_verifying_a_sound_bundle_finds_nothing(tmp_path: Path) -> None:
    assert verify_bundle(write_bundle(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "manifest.json: name is other, expected tiny"),
        ({"version": "2"}, "manifest.json: version is 2, expected 1"),
        ({"model_sha256": "0" * 64}, "model.onnx: sha256 is "),
        ({"opset": 18}, f"model.onnx: opset is {OPSET}, expected 18"),
        ({"task": "translate"}, "task is translate, expected forecast or classify"),
        ({"task": "classify"}, "metrics is [], expected the columns of a record, each once"),
        ({"metrics": ["temperature"]}, "units is [], expected 1, one for each metric"),
        ({"horizons": [1, 2]}, "horizons is [1, 2], expected [1, 3, 12, 36]"),
        ({"quantile_levels": [0.5]}, "quantile_levels is [0.5]"),
        ({"state_bytes": 21}, "state_bytes is 21, expected 20"),
        ({"parity_max_abs": 0.1}, "parity_max_abs is 0.1"),
        ({"state": [StateTensor("level", "int8", 1)]}, "state level is int8 1"),
        ({"state": [StateTensor("level", "float64", 1)] * 2}, "expected each name once"),
        ({"state": [StateTensor("level", "float64", 2)], "state_bytes": 16}, "input level is tensor(double) ['B', 1]"),
        ({"state": [StateTensor("level", "float32", 1)], "state_bytes": 4}, "input level is tensor(double) ['B', 1]"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = write_bundle(tmp_path, changes=changes)
    assert any(message in str(finding) for finding in verify_bundle(folder))
    with pytest.raises(BundleError, match="expected"):
        load_bundle(folder)


def test_an_unknown_schema_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="schema version 99 of BundleManifest is not known"):
        load_bundle(write_bundle(tmp_path, changes={"schema_version": 99}))


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"name": 3}', b"\xff\xfe", b"[" * 100_000])
def test_a_corrupt_manifest_is_refused(tmp_path: Path, raw: bytes) -> None:
    folder = write_bundle(tmp_path)
    (folder / "manifest.json").write_bytes(raw)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        load_bundle(folder)


@pytest.mark.parametrize("file", ["manifest.json", "model.onnx"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = write_bundle(tmp_path)
    (folder / file).unlink()
    with pytest.raises(BundleError, match=f"cannot read .*{file}"):
        load_bundle(folder)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_model_fails_its_hash(tmp_path: Path, keep: int) -> None:
    folder = write_bundle(tmp_path)
    (folder / "model.onnx").write_bytes(tiny_model()[:keep])
    with pytest.raises(BundleError, match="sha256"):
        load_bundle(folder)


@pytest.mark.parametrize("raw", [b"", b"not a model", b"\x08" * 64, b"\x42\x04\x0a\x00\x10\x11"])
def test_bytes_that_are_no_model_are_refused_even_with_the_right_hash(tmp_path: Path, raw: bytes) -> None:
    opset = opset_version(raw) or OPSET
    with pytest.raises(BundleError):
        load_bundle(write_bundle(tmp_path, raw, changes={"opset": opset}))


def renamed_output(graph: onnx.GraphProto) -> None:
    graph.output[2].name = graph.node[-1].output[0] = "memory_after"


def single_precision_dt(graph: onnx.GraphProto) -> None:
    graph.input[2].type.tensor_type.elem_type = TensorProto.DOUBLE
    graph.node.insert(0, helper.make_node("Cast", ["dt"], ["dt_single"], to=TensorProto.FLOAT))
    graph.node[2].input[1] = "dt_single"


def fixed_batch(graph: onnx.GraphProto) -> None:
    for tensor in [*graph.input, *graph.output]:
        tensor.type.tensor_type.shape.dim[0].dim_value = 64


def extra_input(graph: onnx.GraphProto) -> None:
    graph.input.append(helper.make_tensor_value_info("season", TensorProto.FLOAT, ["B"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (renamed_output, "output memory_next is missing"),
        (single_precision_dt, r"input dt is tensor\(double\)"),
        (fixed_batch, r"input .* is .*\[64.*expected .*'batch'"),
        (extra_input, r"input season is .* expected no such tensor"),
    ],
)
def test_a_graph_of_another_shape_is_refused(tmp_path: Path, change: object, message: str) -> None:
    folder = write_bundle(tmp_path, tiny_model(change))
    assert verify_bundle(folder)
    with pytest.raises(BundleError):
        load_bundle(folder)
    findings = " ".join(str(finding) for finding in verify_bundle(folder))
    assert re.search(message, findings), findings


def mixed_rows(graph: onnx.GraphProto) -> None:
    """Every row looks at the mean of its batch."""
    graph.node.insert(6, helper.make_node("ReduceMean", ["x"], ["batch_mean"], axes=[0], keepdims=1))
    graph.node[7].input[0] = "batch_mean"


def dividing_by_zero(graph: onnx.GraphProto) -> None:
    graph.node[-1].op_type = "Log"


@pytest.mark.parametrize(
    ("change", "message"),
    [(mixed_rows, "quantiles at batch size 1 is different in"), (dividing_by_zero, "memory_next on ordinary input is NaN")],
)
def test_a_model_that_misbehaves_is_refused(tmp_path: Path, change: object, message: str) -> None:
    folder = write_bundle(tmp_path, tiny_model(change))
    assert any(message in str(finding) for finding in verify_bundle(folder))
    with pytest.raises(BundleError, match="expected"):
        load_bundle(folder)


def test_the_catalogue_knows_the_newest_version_of_each_name(tmp_path: Path) -> None:
    for version in ("1", "1.9", "1.10"):
        write_bundle(tmp_path / "a", version=version)
    own = write_bundle(tmp_path / "b", name="own")
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("not a bundle")
    catalogue = bundle_catalogue([tmp_path / "a", own])
    assert catalogue == {"tiny": (tmp_path / "a/tiny/1.10").resolve(), "own": own.resolve()}


def test_of_equal_versions_the_later_folder_wins(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a")
    mine = write_bundle(tmp_path / "b")
    assert bundle_catalogue([tmp_path / "a", tmp_path / "b"]) == {"tiny": mine.resolve()}


def test_the_catalogue_refuses_a_missing_folder_and_a_version_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not there"):
        bundle_catalogue([tmp_path / "nowhere"])
    write_bundle(tmp_path, version="1-old")
    write_bundle(tmp_path, version="2")
    with pytest.raises(BundleError, match="'1-old' is not made of numbers"):
        bundle_catalogue([tmp_path])


def test_the_universal_bundle_is_shipped_and_sound() -> None:
    path = bundle_catalogue([shipped_bundles()])["universal"]
    assert verify_bundle(path) == []
    assert (path / "model.onnx").stat().st_size < 1_000_000


def test_importing_the_adapter_does_not_import_the_runtime() -> None:
    code = "import sys, tidegate.adapters.onnx; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
