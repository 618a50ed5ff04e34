"""Bundles that forecast a device's metrics jointly: stepped by rows, refused where they are not what they say or do not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tiny_joint import METRICS, PUSH, joint_model, write_joint
from typer.testing import CliRunner

from tidegate.adapters.onnx import load_bundle, verify_bundle
from tidegate.adapters.probe import check_behaviour
from tidegate.bootstrap.configuration import load_forecasters
from tidegate.cli.bundle import app as bundle_commands
from tidegate.cli.config import app as config_commands
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId, MetricName, ProfileName, SiteId
from tidegate.contracts.manifest import StateTensor
from tidegate.contracts.profile import Metric, Profile
from tidegate.contracts.series import SeriesReading, SeriesRequest
from tidegate.core.forecaster import Forecaster, ForecastStep
from tidegate.core.own_profiles import profiles_asked_for
from tidegate.errors import BundleError, CommandRefused, InputError
from tidegate.pipeline.series import SeriesDesk
from tidegate.settings import Settings

PUMP = ProfileName("pump")


def ones(rows: int) -> np.ndarray:
    return np.ones(rows, np.float32)


def fresh(devices: int) -> dict[str, np.ndarray]:
    return {"level": np.zeros((3 * devices, 1)), "memory": np.zeros((3 * devices, 2), np.float32)}


def profile(bundle: str | None = "pump", **metrics: Metric) -> Profile:
    return Profile(PUMP, 60.0, {MetricName(name): metric for name, metric in metrics.items()}, bundle=bundle)


FITTING = profile(speed=Metric(), heat=Metric(unit="°C"), flow=Metric(unit="l/h"))
"""In another order than the bundle's; a unit that only one of both knows is no difference."""

MISFITS = [
    (profile(heat=Metric(), flow=Metric()), "the profile lacks 'speed'"),
    (profile(heat=Metric(), flow=Metric(), speed=Metric(), load=Metric()), "the bundle lacks 'load'"),
    (profile(heat=Metric(unit="K"), flow=Metric(), speed=Metric()), "'heat' is in 'K' in the profile and in '°C' in the bundle"),
]
SAID = "profile 'pump' does not fit bundle pump/1, which forecasts 3 metrics jointly: "


def test_the_rows_of_a_device_step_as_one_and_each_keeps_its_part_of_the_state(tmp_path: Path) -> None:
    forecaster = load_bundle(write_joint(tmp_path))
    step = forecaster.step(np.array([8.0, 2.0, 4.0, 6.0, 0.0, 0.0]), ones(6), ones(6), ones(6), fresh(2))
    assert step.quantiles.shape == (6, 4, 7)
    assert step.state["level"].ravel().tolist() == [4.0, 1.0, 2.0, 3.0, 0.0, 0.0]
    assert step.state["memory"].shape == (6, 2)
    again = forecaster.step(np.zeros(6), np.zeros(6, np.float32), ones(6), ones(6), step.state)
    heard = np.tanh(step.state["memory"].reshape(2, 6)[:, :3] @ PUSH)
    np.testing.assert_allclose(again.state["memory"].reshape(2, 6)[:, :3], heard, rtol=1e-6)
    np.testing.assert_allclose(again.quantiles[:, 0, 3], np.array([4.0, 1.0, 2.0, 3.0, 0.0, 0.0]) + heard.ravel(), rtol=1e-6)


def test_no_reading_gives_no_result(tmp_path: Path) -> None:
    step = load_bundle(write_joint(tmp_path)).step(np.empty(0), ones(0), ones(0), ones(0), fresh(0))
    assert step.quantiles.shape == (0, 4, 7)
    assert step.state["memory"].shape == (0, 2)


def test_rows_that_are_not_whole_devices_are_our_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="failed on 4 rows"):
        load_bundle(write_joint(tmp_path)).step(np.zeros(4), ones(4), ones(4), ones(4), fresh(1))


def test_a_sound_one_verifies_and_says_that_its_state_is_a_devices(tmp_path: Path) -> None:
    assert verify_bundle(write_joint(tmp_path)) == []
    assert "48 bytes a device" in CliRunner().invoke(bundle_commands, ["list", str(tmp_path)], terminal_width=250).output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["heat", "flow", "heat"]}, "metrics is ['heat', 'flow', 'heat'], expected each once"),
        ({"units": ["°C"]}, "units is ['°C'], expected 3, one for each metric"),
        ({"metrics": ["heat"], "units": [""]}, "input x is tensor(double) ['B', 3], expected tensor(double) ['batch', 1]"),
        ({"metrics": [], "units": []}, "input x is tensor(double) ['B', 3], expected tensor(double) ['batch', 1]"),
        (
            {"state": [StateTensor("level", "float64", 3), StateTensor("memory", "float32", 5)], "state_bytes": 44},
            "state memory is 5, expected a width that 3 metrics share evenly",
        ),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = write_joint(tmp_path, changes=changes)
    assert message in " ".join(str(finding) for finding in verify_bundle(folder))
    with pytest.raises(BundleError, match="expected"):
        load_bundle(folder)


def test_the_bundle_that_serves_everybody_takes_each_metric_by_itself(tmp_path: Path) -> None:
    findings = " ".join(str(finding) for finding in verify_bundle(write_joint(tmp_path, name="universal")))
    assert "metrics of the bundle that serves every profile is ['heat', 'flow', 'speed'], expected []" in findings


def devices_mixed(graph: onnx.GraphProto) -> None:
    """Every device looks at the mean of its batch."""
    graph.node.insert(6, helper.make_node("ReduceMean", ["x"], ["batch_mean"], axes=[0], keepdims=1))
    graph.node[7].input[0] = "batch_mean"


def test_a_model_in_which_devices_meet_is_refused(tmp_path: Path) -> None:
    findings = " ".join(str(finding) for finding in verify_bundle(write_joint(tmp_path, joint_model(devices_mixed))))
    assert "quantiles at batch size 1 is different in" in findings
    assert "quantiles at batch size 2 is different in" in findings


class Dwelling:
    """What `forecaster` says, spoilt where a metric has never been seen, or where a reading had no value."""

    def __init__(self, forecaster: Forecaster, spoilt: str) -> None:
        self._forecaster, self._spoilt = forecaster, spoilt
        self.manifest, self.identity = forecaster.manifest, forecaster.identity

    def step(self, values, mask, elapsed, learn, state):
        step = self._forecaster.step(values, mask, elapsed, learn, state)
        never = (state["memory"][:, 1] == 0) & (mask == 0)
        seen = {**step.state, "memory": np.stack([step.state["memory"][:, 0], 1.0 * ~never], axis=1).astype(np.float32)}
        nothing = np.repeat(mask.reshape(-1, 3).sum(axis=1) == 0, 3)
        gone = never if self._spoilt == "metric" else nothing
        return ForecastStep(np.where(gone[:, None, None], np.nan, step.quantiles), seen)


@pytest.mark.parametrize("spoilt", ["metric", "reading"])
def test_the_probe_hides_metrics_for_ever_and_whole_readings(tmp_path: Path, spoilt: str) -> None:
    found = [finding.what for finding in check_behaviour(Dwelling(load_bundle(write_joint(tmp_path)), spoilt))]
    assert "quantiles on ordinary input" in found


def test_a_profile_of_its_metrics_in_any_order_is_served(tmp_path: Path) -> None:
    write_joint(tmp_path)
    models = load_forecasters(Settings(bundles=(tmp_path,)), CoreConfiguration({"pump": FITTING}))
    assert models["pump"].manifest.metrics == list(METRICS)


@pytest.mark.parametrize(("misfit", "difference"), MISFITS)
def test_a_start_with_a_profile_that_does_not_fit_is_refused(tmp_path: Path, misfit: Profile, difference: str) -> None:
    write_joint(tmp_path)
    with pytest.raises(BundleError) as refused:
        load_forecasters(Settings(bundles=(tmp_path,)), CoreConfiguration({"pump": misfit}))
    assert SAID + difference in str(refused.value)


def test_config_check_says_what_differs(tmp_path: Path) -> None:
    write_joint(tmp_path)
    path = tmp_path / "pump.yaml"
    path.write_text("name: pump\ninterval_seconds: 60\nbundle: pump\nmetrics: {heat: {unit: K}, flow: {}}\n", encoding="utf-8")
    environment = {"TIDEGATE_PROFILES": f"[{path}]", "TIDEGATE_BUNDLES": f"[{tmp_path}]"}
    found = CliRunner().invoke(config_commands, ["check"], env=environment)
    assert found.exit_code != 0
    assert SAID + "the profile lacks 'speed'; 'heat' is in 'K' in the profile and in '°C' in the bundle" in found.output


@pytest.mark.parametrize(("misfit", "difference"), MISFITS)
def test_activation_for_a_profile_that_does_not_fit_is_refused(tmp_path: Path, misfit: Profile, difference: str) -> None:
    command = Command(CommandId("go"), SiteId("s"), CommandKind.ACTIVATE_BUNDLE, "test", profile=PUMP, bundle="pump/1")
    there = {"pump/1": load_bundle(write_joint(tmp_path))}
    asked = profiles_asked_for(command, CoreConfiguration({"pump": replace(FITTING, bundle=None)}), there, 0)
    assert asked == [replace(FITTING, bundle="pump/1")]
    with pytest.raises(CommandRefused) as refused:
        profiles_asked_for(command, CoreConfiguration({"pump": replace(misfit, bundle=None)}), there, 0)
    assert SAID + difference in str(refused.value)


async def test_a_posted_series_needs_the_metrics_too(tmp_path: Path) -> None:
    desk = SeriesDesk(CoreConfiguration({}), {"pump": load_bundle(write_joint(tmp_path))})
    posted = [SeriesReading(1_700_000_000_000, {MetricName("heat"): 20.0})]
    with pytest.raises(InputError, match="the profile lacks 'flow', 'speed'"):
        await desk.score(SeriesRequest(posted, metrics={MetricName("heat"): Metric()}, interval_seconds=60.0, bundle="pump"))
    desk.close()
