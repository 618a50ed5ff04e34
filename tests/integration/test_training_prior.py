"""`tidegate train prior`: the fleet prior comes from the service's own detection, the same every time."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tidegate.adapters.bundles import shipped_bundles
from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.core.detection.calibration import NOVELTY, RESIDUAL, SHAPES, priors_of
from tidegate.fleet.series import Series
from tidegate_training.prior import make_prior

READINGS = 450


def devices(noise: str, count: int = 3) -> list[Series]:
    rng = np.random.default_rng(11)
    times = 1_700_000_000_000 + 300_000 * np.arange(READINGS, dtype=np.int64)
    draw = {"light": rng.normal, "heavy": lambda size: rng.standard_t(1.5, size)}[noise]
    return [
        Series(
            "nab",
            DeviceId(f"{noise}-{i}"),
            ProfileName("nab-5min"),
            300.0,
            times,
            (MetricName("value"),),
            50.0 + draw(size=(READINGS, 1)),
        )
        for i in range(count)
    ]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_bundles() / "universal" / "1", tmp_path / "universal" / "1"))


def test_the_prior_is_the_same_whatever_prior_the_bundle_had_before(bundle: Path) -> None:
    first = make_prior(bundle, {"nab": devices("light")}, "tidegate train prior")
    again = make_prior(bundle, {"nab": devices("light")}, "tidegate train prior")
    assert again == first == load_bundle(bundle).manifest


def test_the_streams_that_depend_on_the_bundle_have_a_prior_that_detection_can_use(bundle: Path) -> None:
    manifest = make_prior(bundle, {"nab": devices("light")}, "tidegate train prior")
    used = priors_of(manifest.prior)
    assert set(manifest.prior) == {RESIDUAL, NOVELTY}
    for stream, prior in manifest.prior.items():
        np.testing.assert_allclose(used[stream], prior)
        assert not np.allclose(used[stream], SHAPES[stream].default_prior())
    assert manifest.settings["prior_command"] == "tidegate train prior"


def test_a_fleet_with_heavy_tails_gives_a_prior_with_heavy_tails(bundle: Path) -> None:
    light = make_prior(bundle, {"nab": devices("light")}, "a").prior["residual"]
    heavy = make_prior(bundle, {"nab": devices("heavy")}, "a").prior["residual"]
    four_spreads = 9
    assert heavy[four_spreads] > 3 * light[four_spreads]
