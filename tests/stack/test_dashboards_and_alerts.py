"""The stack comes up as the compose file says; every panel shows something, every rule can be computed, and alerts arrive."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose import ELSEWHERE, SERVICES, Stack, start_order, until
from tidegate_training.evaluate import results

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
VARIABLES = {"$__rate_interval": "15s", "$job": ".*"}

NOTES = (
    "Without containers: the commands, environment, mounts, secrets and start order that docker-compose.yml states, run as "
    "processes; each service has a loopback address of its own in place of its host name. Prometheus looks every second instead "
    "of every ten.",
    "Servers are Debian's and not the images': Prometheus, Alertmanager and PostgreSQL 15; Kafka is the one of deploy/kafka. "
    "Grafana itself is not among them: of it the queries of every panel are sent to Prometheus as Grafana would send them.",
    "seconds_to_ready: from the first start until every service was healthy, on a machine that other work shared.",
    "panels: queries of the three dashboards; panels_with_data: those that came back with a number.",
    "rules_fired_in_test: alert rules that fire for their cause and resolve after it in `promtool test rules`; rules_healthy: "
    "rules that the running Prometheus evaluated without an error.",
    "told: what the running Alertmanager held in the end, by alert, and to whom it goes.",
)


def panels() -> Iterator[tuple[str, str]]:
    """Title and expression of every query of every dashboard, as Grafana would send it."""
    for file in BOARDS:
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for inner in [panel, *panel.get("panels", ())]:
                for target in inner.get("targets", ()):
                    expression = target["expr"]
                    for name, value in VARIABLES.items():
                        expression = expression.replace(name, value)
                    yield f"{file.stem}: {inner['title']}", expression


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What the tests find; written down where the command line asks for it."""
    found: dict[str, Any] = {}
    yield found
    file = request.config.getoption("--stack-results", None)
    if file is not None:
        results.write(results.collect("The stack", "make stack-test", found, NOTES), file)


def test_the_dashboards_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "grafana" / "dashboards.py"), "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(BOARDS) == 3


def test_configuration_and_rules_are_sound_and_each_alert_fires_for_its_cause_and_resolves() -> None:
    folder = DEPLOY / "prometheus"
    for command in (
        ["promtool", "check", "config", str(folder / "prometheus.yml")],
        ["promtool", "test", "rules", str(folder / "alerting.test.yml")],
        ["amtool", "check-config", str(DEPLOY / "alertmanager" / "alertmanager.yml")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["area=fleet", "alertname=TidegateAnomaly", "site=plant-1", "severity=high"], "operators"),
        (["area=fleet", "alertname=TidegateSiteIncident", "site=plant-1"], "operators"),
        (["area=service", "alertname=TidegateDown"], "maintainers"),
        (["alertname=SomebodyElses"], "nobody"),
    ],
)
def test_an_alert_goes_to_whom_it_concerns(labels: list[str], receiver: str) -> None:
    file = str(DEPLOY / "alertmanager" / "alertmanager.yml")
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}", *labels],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_of_the_fleet_are_grouped_by_site() -> None:
    shipped = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    [route] = [route for route in shipped["route"]["routes"] if route["receiver"] == "operators"]
    assert route["group_by"][0] == "site"


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(figures: dict[str, Any]) -> None:
    alerts = set(re.findall(r"- alert: (\w+)", _text("alerting.rules.yml")))
    tests = [case for group in yaml.safe_load(_text("alerting.test.yml"))["tests"] for case in group["alert_rule_test"]]
    fired = {case["alertname"] for case in tests if case.get("exp_alerts")}
    silent = {case["alertname"] for case in tests if not case.get("exp_alerts")}
    assert alerts == fired == silent
    figures["rules_fired_in_test"] = len(fired)


def test_every_service_comes_up_in_the_order_that_the_compose_file_states(stack: Stack, figures: dict[str, Any]) -> None:
    assert set(stack.ready) == set(SERVICES) - ELSEWHERE
    figures["services_ready"] = len(stack.ready)
    figures["services"] = [name for name in start_order() if name in stack.ready]
    figures["seconds_to_ready"] = round(max(stack.ready.values()), 1)


def test_a_door_without_workers_answers_for_both_of_them(stack: Stack) -> None:
    api = stack.client("api")
    until(lambda: len(api.get("/v1/sites").json()) >= 4, "four sites")
    until(lambda: api.get("/v1/summary").json().get("balance", {}).get("scored", 0) > 1000, "readings")
    owned = [{view["partition"] for view in stack.client(name).get("/v1/partitions").json()} for name in ("worker-1", "worker-2")]
    assert owned[0] | owned[1] == set(range(4))
    assert owned[0] & owned[1] == set()
    assert [view["partition"] for view in api.get("/v1/partitions").json()] == [0, 1, 2, 3]
    for site in api.get("/v1/sites").json():
        assert api.get("/v1/devices", params={"site": site["site"]}).json()["items"]
    assert any(bundle["uses"] for bundle in api.get("/v1/bundles").json()), "who is served by a bundle is the workers' word"


def test_every_panel_shows_data_of_a_running_fleet(stack: Stack, figures: dict[str, Any]) -> None:
    waiting = dict.fromkeys(panels())
    figures["panels"] = len(waiting)
    assert len(waiting) > 60
    gateway = _drained(stack)

    def all_answered() -> bool:
        for panel in [panel for panel in waiting if stack.query(panel[1])]:
            del waiting[panel]
        return not waiting

    try:
        until(all_answered, "data")
    except AssertionError:
        pytest.fail("no data: " + "; ".join(f"{title}: {expression}" for title, expression in waiting))
    finally:
        figures["panels_with_data"] = figures["panels"] - len(waiting)
        stack.client("api").post(f"{gateway}/uncordon", json={}).raise_for_status()


def _drained(stack: Stack) -> str:
    """The path of a gateway that is drained now: how long plans take is seen while there are any, and a calm fleet needs none."""
    site = stack.client("api").get("/v1/sites").json()[0]["site"]
    gateway = stack.client("api").get(f"/v1/sites/{site}/gateways").json()[0]["gateway"]
    path = f"/v1/sites/{site}/gateways/{gateway}"
    stack.client("api").post(f"{path}/drain", json={}).raise_for_status()
    return path


def test_every_rule_can_be_evaluated(stack: Stack, figures: dict[str, Any]) -> None:
    until(lambda: all(rule["health"] == "ok" for rule in _rules(stack)), "all rules")
    rules = _rules(stack)
    assert len(rules) > 20
    assert [rule["name"] for rule in rules if rule.get("lastError")] == []
    figures["rules"] = len(rules)
    figures["rules_healthy"] = sum(rule["health"] == "ok" for rule in rules)


def test_what_the_fleet_does_reaches_the_operators_by_rules_and_by_name(stack: Stack, figures: dict[str, Any]) -> None:
    def told() -> dict[str, str]:
        groups = stack.alertmanager.get("/api/v2/alerts/groups").json()
        found = {alert["labels"]["alertname"]: group["receiver"]["name"] for group in groups for alert in group["alerts"]}
        return found if {"TidegateIncident", "TidegateSiteIncident", "TidegateAnomaly"} <= found.keys() else {}

    found = until(told, "the alerts")
    assert {found[name] for name in ("TidegateIncident", "TidegateSiteIncident", "TidegateAnomaly")} == {"operators"}
    figures["told"] = found
    [some] = [
        each for each in stack.alertmanager.get("/api/v2/alerts").json() if each["labels"]["alertname"] == "TidegateAnomaly"
    ][:1]
    assert some["labels"].keys() >= {"site", "device", "profile", "severity"}
    assert some["annotations"]["reasons"]
    shown = stack.client("api").get(some["generatorURL"].removeprefix("http://localhost:8080")).json()
    assert shown["device"] == some["labels"]["device"]


def test_a_worker_that_dies_is_taken_over_and_said(stack: Stack) -> None:
    stack.kill("worker-2")
    api = stack.client("api")

    def all_by_one() -> bool:
        views = api.get("/v1/partitions").json()
        return len(stack.client("worker-1").get("/v1/partitions").json()) == 4 and not any(view["reasons"] for view in views)

    until(all_by_one, "worker-1 with every partition")
    assert until(lambda: api.get("/v1/devices").is_success, "devices of all sites")


def _rules(stack: Stack) -> list[dict[str, str]]:
    groups = stack.prometheus.get("/api/v1/rules").json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _text(name: str) -> str:
    return Path(DEPLOY / "prometheus" / name).read_text()
