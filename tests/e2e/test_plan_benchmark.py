"""The benchmark of plans runs and writes what the results format asks for."""

import subprocess
import sys
from pathlib import Path

from tidegate_training.evaluate import results

PLANS = Path(__file__).parents[2] / "benchmarks" / "plans.py"


def test_a_quick_run_reports_seconds_and_gap_of_every_site(tmp_path: Path) -> None:
    out = tmp_path / "plans.json"
    done = subprocess.run([sys.executable, str(PLANS), "--quick", "--out", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, dead = results.read(out).figures.values()
    assert first["gap_to_bound"] >= 0.0
    assert first["moves"] == 80
    assert dead["seconds"] > 0.0
    assert dead["unserved"] == 0
