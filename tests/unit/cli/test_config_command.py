"""`tidegate config`: what is in force and who said so, and everything that is wrong at once."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tidegate.cli.config import app
from tidegate.cli.config_reference import MARKER, reference
from tidegate.contracts.configuration import AllocationSettings, ClockGuard, DetectionSettings
from tidegate.contracts.field_docs import field_docs
from tidegate.contracts.profile import AlarmPolicy, DemandMapping, DemandTerm, Metric, Profile
from tidegate.settings import setting_fields

PROFILE = "name: pump\ninterval_seconds: 5\nmetrics: {flow: {low: 9, high: 1, weight: -1}}\nalarm: {close_aftr: 3}\n"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_every_setting_says_what_it_means() -> None:
    assert [each.key for each in setting_fields() if not each.field.description] == []


@pytest.mark.parametrize(
    "kind", [ClockGuard, DetectionSettings, AllocationSettings, Profile, Metric, AlarmPolicy, DemandMapping, DemandTerm]
)
def test_every_field_of_the_core_says_what_it_means(kind: type) -> None:
    assert [item.name for item in dataclasses.fields(kind) if item.name not in field_docs(kind)] == []


def test_the_reference_page_is_what_the_code_says(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# By hand\n\n{MARKER}\nold\n", encoding="utf-8")
    assert isinstance(run("reference", "check", str(page)).exception, Exception)
    assert run("reference", "write", str(page)).exit_code == 0
    assert page.read_text(encoding="utf-8") == f"# By hand\n\n{reference()}"
    assert run("reference", "check", str(page)).exit_code == 0


def test_each_value_is_shown_with_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "tidegate.yaml"
    file.write_text("api:\n  port: 1\n  host: '::1'\nkafka: {security: {protocol: SASL_SSL, username: x, password: pw}}\n")
    shown = run("show", "--json", "--config", str(file), TIDEGATE_API__PORT="2")
    views = {each["key"]: each for each in json.loads(shown.output)}
    assert (views["api.port"]["value"], views["api.port"]["where"]) == (2, "TIDEGATE_API__PORT")
    assert (views["api.host"]["source"], views["api.host"]["where"]) == ("file", f"{file}:3")
    assert views["log.path"]["source"] == "default"
    assert views["kafka.security.password"]["value"] == "set"
    assert "pw" not in shown.output
    assert f"api.host: ::1  # file {file}:3" in run("show", "--origin", "--config", str(file)).output.replace("'", "")


def test_a_list_of_an_area_that_is_only_partly_given_leaves_the_rest_at_its_default(tmp_path: Path) -> None:
    file = tmp_path / "tidegate.yaml"
    file.write_text("worker: {}\nprofiles: []\n")
    views = {each["key"]: each for each in json.loads(run("show", "--json", "--config", str(file)).output)}
    assert (views["worker.tick_seconds"]["source"], views["profiles"]["source"]) == ("default", "file")


def test_everything_wrong_is_told_at_once_with_line_and_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "pump.yaml").write_text(PROFILE)
    (tmp_path / "twice.yaml").write_text("name: [\n")
    file = tmp_path / "tidegate.yaml"
    file.write_text(
        f"api:\n  prt: 1\n  port: many\nprofiles: ['{tmp_path}/pump.yaml', '{tmp_path}/twice.yaml', '{tmp_path}/none.yaml']\n"
        "detection: {max_devices: x, forecast: 1}\nallocation: {enabled: maybe}\nroles: worker\nbundles: [/nowhere]\n"
        "kafka: {partitions: 3}\n"
    )
    found = run("check", "--json", "--config", str(file))
    report = json.loads(found.stdout)
    complaints = {(each["key"], each["severity"]): each for each in report["complaints"]}
    assert (found.exit_code, report["usable"], report["summary"]) == (2, False, {})
    assert complaints["api.prt", "error"]["where"] == f"{file}:2"
    assert complaints["api.prt", "error"]["advice"] == "did you mean api.port?"
    assert "many" in complaints["api.port", "error"]["text"]
    for key in ("detection.max_devices", "detection.forecast", "allocation.enabled", "roles", "bundles"):
        assert (key, "error") in complaints
    assert complaints["kafka.partitions", "warning"]["text"].startswith("has no effect")
    texts = "\n".join(each["text"] for each in report["complaints"])
    assert "did you mean close_after?" in texts
    assert "twice.yaml" in texts
    assert "none.yaml" in texts


def test_all_faults_of_a_profile_are_told(tmp_path: Path) -> None:
    (tmp_path / "pump.yaml").write_text(PROFILE.replace("close_aftr", "close_after"))
    found = run("check", TIDEGATE_PROFILES=f"[{tmp_path}]")
    assert "pump.yaml:3: metrics.flow.low" in found.output
    assert "pump.yaml:3: metrics.flow.weight" in found.output


def test_a_sound_configuration_says_what_would_run() -> None:
    found = run("check", "--json")
    summary = json.loads(found.stdout)["summary"]
    assert found.exit_code == 0
    assert summary["roles"] == ["worker", "api"]
    assert "universal/1" in summary["bundles"]


def test_a_file_that_is_none_is_a_complaint_too(tmp_path: Path) -> None:
    found = run("check", "--json", "--config", str(tmp_path / "absent.yaml"))
    assert (found.exit_code, json.loads(found.stdout)["usable"]) == (2, False)


def test_fewer_copies_than_must_be_written_are_a_contradiction() -> None:
    found = run("check", TIDEGATE_KAFKA__BOOTSTRAP_SERVERS="x:1", TIDEGATE_KAFKA__MIN_INSYNC_REPLICAS="2")
    assert (found.exit_code, "replication_factor 1" in found.output) == (2, True)
