"""Settings: four sources, one result, and no typo that silently means the default."""

from pathlib import Path

import pytest

from tidegate.errors import ConfigurationError
from tidegate.settings import load_settings


def test_defaults_bind_to_loopback_and_need_no_file() -> None:
    settings = load_settings(environment={})
    assert settings.api.host == "127.0.0.1"
    assert settings.log.partitions == 1


def test_options_outrank_environment_and_environment_outranks_the_file(tmp_path: Path) -> None:
    file = tmp_path / "tidegate.yaml"
    file.write_text("api: {port: 1001, host: '::1'}\nworker: {batch_records: 7}\nlog: {partitions: 2}\n")
    environment = {"TIDEGATE_API__PORT": "1002", "TIDEGATE_WORKER__BATCH_RECORDS": "8"}
    settings = load_settings(file, environment, {"api": {"port": 1003}})
    assert (settings.api.port, settings.api.host) == (1003, "::1")
    assert (settings.worker.batch_records, settings.log.partitions) == (8, 2)


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "named.yaml"
    file.write_text("api: {port: 1001}")
    assert load_settings(environment={"TIDEGATE_CONFIG": str(file)}).api.port == 1001


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"TIDEGATE_API__PRT": "1"}, "TIDEGATE_API__PRT"),
        ({"TIDEGATE_APY__PORT": "1"}, "is not a setting"),
        ({"TIDEGATE_API__PORT": "many"}, "TIDEGATE_API__PORT"),
        ({"TIDEGATE_API__PORT": "70000"}, "65535"),
        ({"TIDEGATE_API": "1"}, "api"),
        ({"TIDEGATE_API": "1", "TIDEGATE_API__PORT": "1"}, "contradicts"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        load_settings(environment=environment)


@pytest.mark.parametrize("text", ["api: [", "- a\n- b", "\x00", "api: {prt: 1}"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"broken\.yaml"):
        load_settings(file, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml"):
        load_settings(tmp_path / "absent.yaml", {})


SECURITY = "TIDEGATE_KAFKA__SECURITY__"


def test_a_password_is_taken_as_it_stands_and_shown_nowhere() -> None:
    given = {f"{SECURITY}PROTOCOL": "SASL_SSL", f"{SECURITY}USERNAME": "007", f"{SECURITY}PASSWORD": "0123"}
    security = load_settings(environment=given).kafka.security
    assert security.password is not None
    assert (security.username, security.password.get_secret_value()) == ("007", "0123")
    assert "0123" not in repr(security) + str(security.model_dump(mode="json"))


@pytest.mark.parametrize(
    "text",
    [
        "kafka: {security: {protocol: SASL_SSL, password: 4711}}",
        "kafka: {security: {protocol: SSL, password: '4711'}}",
        "kafka: {security: {protocol: nonsense, password: '4711'}}",
        "kafka: {security: {protocol: SASL_SSL, password: ['4711']}}",
    ],
)
def test_no_complaint_repeats_a_password(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tidegate.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="SECURITY") as refusal:
        load_settings(file, {})
    assert "4711" not in str(refusal.value)
    assert "4711" not in str(refusal.value.__cause__)


def test_what_the_protocol_makes_no_use_of_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="ca_file, username would have no effect with protocol PLAINTEXT"):
        load_settings(environment={f"{SECURITY}CA_FILE": "ca.pem", f"{SECURITY}USERNAME": "plant"})
