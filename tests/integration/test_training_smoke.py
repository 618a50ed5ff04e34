"""`tidegate train` as a person uses it: help, a smoke run into a bundle the service loads, resume, and life without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.joint import METRICS, PROFILE, UNITS
from support.recordings import machine_file
from tidegate.adapters.onnx import load_bundle
from tidegate.errors import BundleError
from tidegate_training.commands import train
from tidegate_training.evaluate.scoring import universal_forecaster
from tidegate_training.prior import make_prior

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from tidegate_training.commands import train
train(sys.argv[1:], prog_name="tidegate train")
"""


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(train, arguments, catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smoke")
    code, output = run("universal", "--smoke", "--out", str(folder / "bundles"), "--work", str(folder / "work"))
    assert code == 0, output
    return folder


def test_a_smoke_run_makes_a_bundle_the_service_loads(smoke: Path) -> None:
    forecaster = load_bundle(smoke / "bundles" / "universal" / "1")
    manifest = forecaster.manifest
    assert forecaster.identity == f"universal/1@{manifest.model_sha256[:12]}"
    assert [(tensor.name, tensor.width) for tensor in manifest.state] == [("scale", 8), ("memory", 16)]
    assert 0.0 <= manifest.parity_max_abs <= 1e-5
    assert manifest.figures["batch_results_differing"] == 0
    assert [one.dataset for one in manifest.data] == ["synthetic"]
    assert manifest.command.startswith("tidegate train universal --out ")
    assert "--smoke" in manifest.command


def test_the_graph_names_no_folder_of_the_machine_that_made_it(smoke: Path) -> None:
    model = (smoke / "bundles" / "universal" / "1" / "model.onnx").read_bytes()
    assert b".py" not in model
    assert b"site-packages" not in model


def test_the_report_is_one_file_with_its_figures_inside(smoke: Path) -> None:
    page = (smoke / "bundles" / "universal" / "1" / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 3
    assert 'src="http' not in page


def test_resuming_a_finished_run_makes_the_same_model_again(smoke: Path, tmp_path: Path) -> None:
    code, output = run("universal", "--smoke", "--resume", "--out", str(tmp_path), "--work", str(smoke / "work"))
    assert code == 0, output
    made, again = (json.loads((at / "universal" / "1" / "manifest.json").read_text()) for at in (smoke / "bundles", tmp_path))
    assert again["model_sha256"] == made["model_sha256"]
    assert again["figures"] == made["figures"]


def test_other_settings_than_the_checkpoints_are_an_error_of_one_line(smoke: Path, tmp_path: Path) -> None:
    code, output = run("universal", "--smoke", "--resume", "--hidden", "4", "--out", str(tmp_path), "--work", str(smoke / "work"))
    assert code == 1
    assert "hidden" in output
    assert not list(tmp_path.rglob("manifest.json"))


def test_training_without_data_says_what_to_give() -> None:
    code, output = run("universal")
    assert code == 2
    assert "--data" in output


def test_a_folder_that_is_not_the_data_is_an_error_of_one_line(tmp_path: Path) -> None:
    code, output = run("universal", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "nab" in output


def test_a_profiles_bundle_forecasts_its_metrics_together(joint_bundle: Path) -> None:
    manifest = load_bundle(joint_bundle).manifest
    assert (manifest.name, manifest.metrics, manifest.units) == (PROFILE, list(METRICS), list(UNITS))
    assert [(tensor.name, tensor.width) for tensor in manifest.state] == [("scale", 32), ("memory", 16)]
    assert manifest.state_bytes == 32 * 8 + 16 * 4
    assert 0.0 <= manifest.parity_max_abs <= 1e-5
    assert manifest.figures["batch_results_differing"] == 0
    assert manifest.prior == universal_forecaster().manifest.prior
    assert [(one.dataset, one.series) for one in manifest.data] == [("synthetic", 2)]
    assert manifest.command.startswith(f"tidegate train profile {PROFILE} --out ")
    assert manifest.command.endswith("pumps.yaml")
    assert "320 bytes of state per device." in (joint_bundle / "report.html").read_text()


def test_a_profile_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    code, output = run("profile", "boiler", "--smoke", "--out", str(tmp_path))
    assert code == 1
    assert "no profile 'boiler', there are: " in output
    assert not list(tmp_path.iterdir())


def test_a_profile_without_data_says_what_to_give(tmp_path: Path) -> None:
    assert "--data" in run("profile", "smd-server")[1]
    machine_file(tmp_path / "asd" / "omi-1.npz", metrics=19, rows=80)
    asked = ("profile", "smd-server", "--data", str(tmp_path), "--dataset", "asd", "--out", str(tmp_path / "out"))
    code, output = run(*asked)
    assert code == 1
    assert "no device of profile 'smd-server'" in output
    assert "profiles there: asd-server" in output


def test_a_profiles_checkpoint_of_other_settings_is_refused(joint_bundle: Path, tmp_path: Path) -> None:
    shared = joint_bundle.parents[2]
    words = ("--smoke", "--resume", "--hidden", "4", "--profiles", str(shared / "pumps.yaml"), "--work", str(shared / "work"))
    code, output = run("profile", PROFILE, *words, "--out", str(tmp_path))
    assert code == 1
    assert "hidden" in output


def test_a_profiles_bundle_keeps_the_prior_it_was_given(joint_bundle: Path) -> None:
    before = (joint_bundle / "manifest.json").read_bytes()
    with pytest.raises(BundleError, match="4 metrics jointly"):
        make_prior(joint_bundle, {}, "command")
    assert (joint_bundle / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("command", ["universal", "prior", "profile"])
def test_help_shows_an_example(command: str) -> None:
    code, output = run(command, "--help")
    assert code == 0
    assert f"tidegate train {command} " in output


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [("universal",), ("profile", "smd-server")])
def test_without_torch_training_says_what_to_install(words: tuple[str, ...]) -> None:
    done = without_torch(*words, "--smoke")
    assert (done.returncode, done.stderr) == (2, "Training needs torch, which is not installed: pip install 'tidegate[train]'\n")


def test_without_torch_help_still_helps() -> None:
    done = without_torch("universal", "--help")
    assert done.returncode == 0
    assert "--resume" in done.stdout
