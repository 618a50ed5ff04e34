"""The benchmarks run and write what the results format asks for; their yardstick does not depend on what it measures."""

import ast
import dataclasses
import importlib
import os
import subprocess
import sys
from pathlib import Path

import httpx

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


def test_the_soak_sees_what_grows_after_the_warm_up_and_nothing_before_it(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    watch = importlib.import_module("soak_watch")

    def sample(second, **changes):
        still = watch.Sample(second, 100.0, 50.0, 30, 9, 0.5 * second, 1000.0 * second, 0.0, 0.0, 0.0, 0.5, ready=True)
        return dataclasses.replace(still, **changes)

    warming = [sample(second, rss_mb=float(second), lag_records=99.0) for second in range(60)]
    flat = watch.summary(warming + [sample(second) for second in range(60, 660)], 60)
    assert (flat["rss_growth_mb"], flat["fd_growth"], flat["max_lag"]) == (0, 0, 0)
    assert (flat["readings_per_second"], flat["cores_used"]) == (1000, 0.5)
    leaking = [sample(second, rss_mb=100 + second / 100, open_files=30 + second // 300) for second in range(60, 660)]
    grown = watch.summary(warming + leaking, 60)
    assert round(grown["rss_slope_mb_per_hour"], 6) == 36
    assert round(grown["rss_growth_mb"], 6) == 5.4
    assert grown["fd_growth"] == 2


def test_the_soak_looks_at_a_process_from_outside(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    watch = importlib.import_module("soak_watch")
    text = '# HELP a b\ntidegate_lag_records{topic="x"} 3.0\ntidegate_lag_records{topic="y"} 4.0\ntidegate_score NaN\n'
    client = httpx.Client(base_url="http://service", transport=httpx.MockTransport(lambda _: httpx.Response(200, text=text)))
    seen = watch.look(os.getpid(), client, 1.0)
    assert (seen.lag_records, seen.ready) == (7.0, True)
    assert seen.rss_mb > 10
    assert seen.threads >= 1
    assert seen.open_files >= 3
    assert seen.cpu_seconds > 0
