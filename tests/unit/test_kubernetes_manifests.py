"""The Kubernetes manifests keep what they promise: valid, nobody is root, probes ask what is served, settings are settings."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tidegate.api.app import ROUTERS
from tidegate.settings import load_settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
VERSION = "1.31"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: dict[str, dict[str, Any]] = {
    f"{each['kind']}/{each['metadata']['name']}": each
    for name in KUSTOMIZATION["resources"]
    for each in yaml.safe_load_all((FOLDER / name).read_text())
}
WORKLOADS = {name: each["spec"]["template"]["spec"] for name, each in OBJECTS.items() if "template" in each.get("spec", {})}
PATHS = {route.path for module in ROUTERS for route in module.router.routes}


def test_every_file_is_named_in_the_kustomization() -> None:
    assert {*KUSTOMIZATION["resources"], "kustomization.yaml"} == {path.name for path in FOLDER.glob("*.yaml")}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_what_kubernetes_takes(name: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], VERSION, strict=True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_meets_the_restricted_standard_and_is_bounded(name: str) -> None:
    pod = WORKLOADS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_its_environment_is_understood(name: str) -> None:
    common = OBJECTS["ConfigMap/tidegate"]["data"]
    for container in WORKLOADS[name]["containers"]:
        own = {each["name"]: each["value"] for each in container.get("env", ())}
        settings = load_settings(environment=common | own)
        assert settings.kafka.bootstrap_servers == common["TIDEGATE_KAFKA__BOOTSTRAP_SERVERS"]


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name.startswith("Deployment")])
def test_its_probes_ask_for_paths_that_are_served_and_its_service_finds_it(name: str) -> None:
    (container,) = WORKLOADS[name]["containers"]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["path"] in PATHS
    labels = OBJECTS[name]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        other = OBJECTS[name.replace("Deployment", kind)]["spec"]
        selector = other.get("podSelector") or other["selector"]
        assert selector.get("matchLabels", selector).items() <= labels.items()
