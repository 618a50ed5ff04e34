"""The benchmarks run and write what the results format asks for; their yardstick does not depend on what it measures."""

import ast
import subprocess
import sys
from pathlib import Path

from tidegate_training.evaluate import results

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_quick_run_prints_every_ratio_and_writes_a_results_file(tmp_path):
    out = tmp_path / "speed.json"
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = results.read(out).figures
    assert len(figures["ratios"]) == 7
    for label, ratio in figures["ratios"].items():
        assert ratio > 0
        assert label.partition(" ÷ ")[0] in done.stdout


def test_the_frozen_ceilings_import_nothing_of_the_product():
    tree = ast.parse((BENCHMARKS / "ceilings.py").read_text(encoding="utf-8"))
    imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    imported += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported
    assert not [name for name in imported if name.startswith("tidegate")]
