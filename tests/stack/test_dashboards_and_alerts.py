"""Every panel shows something, every rule can be computed, and what the service finds reaches the people to be told."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack_rig import DEPLOY, Stack, until

BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
VARIABLES = {"$__rate_interval": "15s", "$job": ".*"}


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


def test_every_alert_has_a_test() -> None:
    alerts = {line.split()[-1] for line in _lines("alerting.rules.yml") if line.strip().startswith("- alert:")}
    tested = {line.split()[-1] for line in _lines("alerting.test.yml") if line.strip().startswith("alertname:")}
    assert alerts == tested


def test_every_panel_shows_data_of_a_running_fleet(stack: Stack) -> None:
    waiting = dict.fromkeys(panels())
    assert len(waiting) > 40

    def all_answered() -> bool:
        for panel in [panel for panel in waiting if stack.query(panel[1])]:
            del waiting[panel]
        return not waiting

    try:
        until(all_answered, "data")
    except AssertionError:
        pytest.fail("no data: " + "; ".join(f"{title}: {expression}" for title, expression in waiting))


def test_every_rule_can_be_evaluated(stack: Stack) -> None:
    groups = stack.prometheus.get("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 15
    assert until(lambda: all(rule["health"] == "ok" for rule in _rules(stack)), "all rules")
    assert [rule["name"] for rule in _rules(stack) if rule.get("lastError")] == []


def test_a_gateway_that_dies_reaches_the_operators_through_alertmanager(stack: Stack) -> None:
    def told() -> list[str]:
        groups = stack.alertmanager.get("/api/v2/alerts/groups").json()
        return [
            group["receiver"]["name"]
            for group in groups
            for alert in group["alerts"]
            if alert["labels"]["alertname"] == "TidegateIncident"
        ]

    assert until(told, "the alert") == ["operators"]


def _rules(stack: Stack) -> list[dict[str, str]]:
    groups = stack.prometheus.get("/api/v1/rules").json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _lines(name: str) -> list[str]:
    return Path(DEPLOY / "prometheus" / name).read_text().splitlines()
