"""The benchmark of delivery runs every arm against a real broker and writes what the results format asks for."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tidegate.adapters.kafka import Delivery
from tidegate.fleet.forms import Form
from tidegate_training.evaluate import results

pytestmark = pytest.mark.kafka

DELIVERY = Path(__file__).parents[2] / "benchmarks" / "delivery.py"


def test_a_quick_run_reports_throughput_and_latency_of_every_form_in_both_modes(kafka: str, tmp_path: Path) -> None:
    out = tmp_path / "delivery.json"
    np.savez(tmp_path / "20110303.npz", cpu_percent=np.random.default_rng(0).uniform(0, 100, (4, 20)))
    command = [sys.executable, str(DELIVERY), "--data", str(tmp_path), "--kafka", kafka, "--quick", "--out", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == 0, done.stderr
    figures = results.read(out).figures
    assert len(figures["ratios"]) == 3 * len(Form)
    for arm in (figures[f"{form}, {delivery}"] for form in Form for delivery in Delivery):
        assert arm["readings_per_second"] > 0.0
        assert 0.0 < arm["to_score_ms_p50"] < arm["to_output_ms_p50"], "a fact is read after its score"
        assert all(arm[f"{stage}_share"] > 0.0 for stage in ("decode", "core", "commit"))
