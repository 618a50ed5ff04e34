"""Profiles load from YAML; what is wrong in them is told by file, line and field."""

from pathlib import Path

import pytest

from tidegate.adapters.profiles import load_profiles, shipped_profiles
from tidegate.contracts.profile import Direction
from tidegate.contracts.topology import Binding
from tidegate.errors import ConfigurationError

GOOD = """\
name: pump
interval_seconds: 5
metrics:
  flow: &metric {unit: l/min, low: 0, high: 10, direction: above}
  back_flow: {<<: *metric, high: 5}
alarm:
  alerts_per_device_day: 0.1
demand:
  cpu_millicores: {constant: 3, terms: [{metric: flow, scale: 2}]}
binding: fixed
"""


def load(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    return {str(name): profile for name, profile in load_profiles([path]).items()}


def test_a_profile_is_read_with_merged_mappings_and_defaults(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(GOOD, encoding="utf-8")
    (profile,) = load_profiles([tmp_path]).values()
    assert profile.binding is Binding.FIXED
    assert profile.metrics["flow"].direction is Direction.ABOVE
    assert (profile.metrics["back_flow"].unit, profile.metrics["back_flow"].high) == ("l/min", 5)
    assert profile.alarm.close_after == 6
    assert profile.demand["cpu_millicores"].terms[0].scale == 2


def test_a_range_of_metrics_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('name: a\ninterval_seconds: 1\nmetrics: {"m{08..11}_x": {unit: s}}\n', encoding="utf-8")
    (profile,) = load_profiles([tmp_path / "p.yaml"]).values()
    assert list(profile.metrics) == ["m08_x", "m09_x", "m10_x", "m11_x"]
    assert profile.metrics["m11_x"].unit == "s"


def test_the_shipped_profiles_load() -> None:
    profiles = shipped_profiles()
    assert {"temperature-sensor", "smart-meter", "camera", "pump", "vehicle-tracker", "bitbrains-vm"} <= set(profiles)
    assert set(profiles["bitbrains-vm"].demand) == {"cpu_millicores", "memory_bytes", "bandwidth_bps"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("interval_seconds: 5", "interval_seconds: -5", "yaml:2: interval_seconds is -5.0, expected more than 0"),
        ("binding: fixed", "lateness_seconds: -1", "yaml:10: lateness_seconds is -1.0, expected 0 (off) to 2560"),
        ("binding: fixed", "lateness_seconds: 2561", "expected 0 (off) to 2560, which is 512 intervals"),
        ("interval_seconds: 5", "interval_seconds: soon", "yaml:2: interval_seconds is 'soon'"),
        ("interval_seconds: 5", "interval_seconds: .nan", "yaml:2: interval_seconds is nan, expected a finite number"),
        ("interval_seconds: 5", "interval_seconds: true", "yaml:2: interval_seconds is True"),
        ("interval_seconds: 5", "", "yaml:1: profile lacks 'interval_seconds'"),
        ("name: pump", "name: ' pump'", "yaml:1: name is ' pump'"),
        ("name: pump", f"name: {'p' * 200}", "yaml:1: name is"),
        ("low: 0", "low: 99", "yaml:4: metrics.flow.low is 99.0, expected below high (10.0)"),
        ("low: 0", "lowest: 0", "yaml:4: metrics.flow.lowest is not known, expected one of unit"),
        ("direction: above", "direction: up", "yaml:4: metrics.flow.direction is 'up'"),
        ("unit: l/min", "stuck_after: -1", "yaml:4: metrics.flow.stuck_after is -1, expected at least 0"),
        (
            "{metric: flow, scale: 2}",
            "{metric: flood}",
            "yaml:9: demand.cpu_millicores.terms.0.metric is 'flood', expected one of flow",
        ),
        ("constant: 3", "constant: -3", "yaml:9: demand.cpu_millicores.constant is -3.0"),
        ("[{metric: flow, scale: 2}]", "7", "yaml:9: demand.cpu_millicores.terms is 7, expected a list"),
        ("alerts_per_device_day: 0.1", "alerts_per_device_day: 0", "yaml:7: alarm.alerts_per_device_day is 0.0"),
        ("alerts_per_device_day: 0.1", "close_after: 0", "yaml:7: alarm.close_after is 0"),
        ("alerts_per_device_day: 0.1", "silent_after: 0.5", "yaml:7: alarm.silent_after is 0.5"),
        ("alerts_per_device_day: 0.1", "minimum_severity: loud", "yaml:7: alarm.minimum_severity is 'loud', expected one of low"),
        ("alerts_per_device_day: 0.1", "1: 2", "yaml:7: alarm.1 is not known"),
        ("binding: fixed", "binding: glued", "yaml:10: binding is 'glued'"),
        ("binding: fixed", "name: again", "yaml:10: key 'name' is there twice"),
        ("binding: fixed", "binding: [", "yaml:11: "),
        ("binding: fixed", "binding: !!python/name:os.system x", "yaml:10: "),
        ("binding: fixed", "? [a, b]\n: 1", "yaml:10: a key is a list or mapping"),
    ],
)
def test_a_fault_is_told_by_file_line_and_field(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no profile in this file"),
        ("# only a comment\n", "no profile in this file"),
        ("- a\n- b\n", "yaml:1: profile is ['a', 'b'], expected a mapping"),
        ("name: a\ninterval_seconds: 1\nmetrics: {}\n", "yaml:3: metrics has 0 metrics, expected 1 to 1000"),
        ('name: a\ninterval_seconds: 1\nmetrics: {"m{9..1}": {}}\n', "yaml:3: metrics.m{9..1} runs from 9 to 1"),
        ('name: a\ninterval_seconds: 1\nmetrics: {"m{1..99999}": {}}\n', "expected a rising range"),
        ('name: a\ninterval_seconds: 1\nmetrics: {m1: {}, "m{1..2}": {}}\n', "names metric 'm1' a second time"),
        ("&a [*a]\n", "contains itself"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{n}: &{n} [{f'*{p},' * 10}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
            "more than",
        ),
        ("name: \x00\n", "yaml:"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)


def test_two_profiles_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="already in"):
        load(tmp_path, f"{GOOD}---\n{GOOD}")


def test_a_missing_file_an_empty_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_profiles([tmp_path / "nowhere.yaml"])
    with pytest.raises(ConfigurationError, match="no profile in this folder"):
        load_profiles([tmp_path])
    (tmp_path / "huge.yaml").write_text("#" * 1_000_001, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="expected at most 1000000"):
        load_profiles([tmp_path])
    (tmp_path / "huge.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_profiles([tmp_path])
