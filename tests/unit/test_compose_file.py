"""The compose file keeps what it promises: loopback only, one password in a local file, nobody root, all watched and bounded."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def test_it_is_a_compose_file() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(ROOT / "docker-compose.yml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_sound() -> None:
    command = ["hadolint", str(ROOT / "deploy" / "docker" / "Dockerfile")]
    command[0] = str(Path(sys.executable).with_name("hadolint"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened_pinned_and_published_on_loopback_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.search(r":[\w.]+$", service["image"]), "an image without a tag is another one tomorrow"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    stated = service.get("environment", {})
    secrets = {key: value for key, value in stated.items() if re.search("PASSWORD|SECRET|TOKEN|KEY", key)}
    assert all(key.endswith("_FILE") and value.startswith("/run/secrets/") for key, value in secrets.items())
    assert not any("@" in value and ":" in value.partition("@")[0].partition("//")[2] for value in stated.values())


def test_the_only_password_is_in_a_local_file_and_of_a_server_that_is_published_nowhere() -> None:
    users = [name for name, service in SERVICES.items() if "secrets" in service]
    assert users == ["postgres", "api"]
    assert "ports" not in SERVICES["postgres"]
    [file] = [secret["file"] for secret in COMPOSE["secrets"].values()]
    word = (ROOT / file).read_text().strip()
    assert word
    assert word not in (ROOT / "docker-compose.yml").read_text()


def test_the_environment_of_each_of_ours_is_understood() -> None:
    for name in OURS:
        load_settings(environment=SERVICES[name].get("environment", {}))


def test_the_api_knows_every_worker() -> None:
    named = SERVICES["api"]["environment"]["TIDEGATE_API__WORKERS"].split(",")
    assert named == [f"http://{name}:8080" for name in SERVICES if name.startswith("worker")]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in {"topics", "simulator"}])
def test_what_runs_for_long_has_limits_and_is_asked_for_its_health(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    dockerfile = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    assert "healthcheck" in service or ("HEALTHCHECK" in dockerfile and name in OURS)


def test_prometheus_scrapes_every_process_and_reaches_alertmanager() -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in shipped["scrape_configs"]}
    assert targets["tidegate"] == [f"{name}:8080" for name in sorted(SERVICES) if SERVICES[name].get("command") == ["serve"]]
    assert shipped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]


def test_the_builder_gets_what_the_images_are_made_of_and_nothing_else() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "deploy" / "docker" / "Dockerfile").read_text(), re.MULTILINE))
    assert {source for line in copied for source in line.split()} == allowed
    assert all((ROOT / source).exists() for source in allowed)


def test_no_torch_comes_with_the_service() -> None:
    locked = (ROOT / "requirements" / "service.txt").read_text()
    assert "fastapi==" in locked
    for heavy in ("torch", "scipy", "pyarrow", "matplotlib"):
        assert not re.search(rf"^{heavy}==", locked, re.MULTILINE)
