"""Speed as ratios to what the machine can do: `python benchmarks/run.py [--quick] [--out FILE]`.

Absolute figures move by half between runs and machines; ratios of things measured in turn, in one run, do not. So every
round measures every ceiling and every product figure once, one after the other, and what counts is the median of the
rounds' ratios. Printed and written, never asserted.
"""

import socket
import statistics
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import ceilings
import door
import product
from tidegate.adapters.bundles import bundle_catalogue, shipped_bundles
from tidegate_training.evaluate import results
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster

PER_BATCH = 50
"""Readings per batched message (spec: performance)."""

PER_POST = 1000
"""Readings per request (spec: performance)."""

METRICS = 3
"""Rows of the model per reading."""

RATIOS = {
    "loop, single readings ÷ bare decode": ("loop_single", "bare_decode"),
    "loop, batches of 50 ÷ bare decode of them": ("loop_batched", "bare_decode_batches"),
    "packed to columns ÷ bare decode of JSON batches": ("packed_columns", "bare_decode_batches"),
    "packed to readings ÷ bare decode of JSON batches": ("packed_readings", "bare_decode_batches"),
    "loop, batches of 50 ÷ one-step ONNX": ("loop_batched", "bare_onnx_readings"),
    "detection alone ÷ one-step ONNX": ("detection", "bare_onnx_readings"),
    "POST of 1,000 readings ÷ bare ASGI": ("post_service", "post_bare"),
}
"""What is divided by what."""

NOTES = (
    "One process, embedded log with synchronous=FULL (exactly-once), tier light, three metrics a reading, JSON where not packed.",
    "loop: poll, decode, score, encode, commit, from the worker's start to its last commit. detection: decoded beforehand, no "
    "log. Both in readings per second, as is one-step ONNX (rows ÷ 3). POST: one connection, while the service scores what "
    "arrives.",
    "Ratios are medians over rounds in which everything was measured in turn; absolute figures are medians of the same rounds.",
)


def main(
    quick: Annotated[bool, typer.Option("--quick", help="One small round, to see that it runs.")] = False,
    out: Annotated[Path | None, typer.Option(help="Results file to write.")] = None,
) -> None:
    """Measure ceilings and product in turn and print their ratios."""
    rounds, devices, steps = (1, 500, 6) if quick else (5, 2000, 10)
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        Console(stderr=True).print(f"round {number + 1} of {rounds}")
        for name, value in measure(devices, steps, posts=10 if quick else 40).items():
            seen[name].append(value)
    figures = {name: statistics.median(values) for name, values in seen.items()}
    ratios = {
        label: statistics.median([a / b for a, b in zip(seen[over], seen[under], strict=True)])
        for label, (over, under) in RATIOS.items()
    }
    Console().print(_table("ratio", ratios, "{:.1%}"), _table("median of rounds", figures, "{:,.0f} /s"))
    if out is not None:
        command = "python benchmarks/run.py" + (" --quick" if quick else "") + f" --out docs/results/{out.name}"
        made = results.collect("Speed", command, {"ratios": ratios, "per_second": figures, "rounds": rounds}, NOTES)
        results.write(made, out)


def measure(devices: int, steps: int, posts: int) -> dict[str, float]:
    """One round: every ceiling and every product figure, per second."""
    configuration, forecaster = service_configuration(), universal_forecaster()
    messages = [ceilings.reading_json(device, step) for step in range(steps) for device in range(devices)]
    batches = [ceilings.batch_json(messages[at : at + PER_BATCH]) for at in range(0, len(messages), PER_BATCH)]
    packed = product.packed_decode(batches)
    model = bundle_catalogue([shipped_bundles()])["universal"] / "model.onnx"
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        return {
            "bare_decode": ceilings.bare_decode(messages),
            "loop_single": product.embedded_loop(
                Path(one), configuration, forecaster, messages, len(messages)
            ).readings_per_second,
            "bare_decode_batches": ceilings.bare_decode_batches(batches, PER_BATCH),
            "loop_batched": product.embedded_loop(
                Path(other), configuration, forecaster, batches, len(messages)
            ).readings_per_second,
            "packed_columns": packed.columns,
            "packed_readings": packed.readings,
            "bare_onnx_readings": ceilings.bare_onnx(model, seconds=0.5) / METRICS,
            "detection": product.core_loop(configuration, forecaster, messages),
            **_doors(posts),
        }


def _doors(posts: int) -> dict[str, float]:
    bodies = [ceilings.batch_json([ceilings.reading_json(device, step) for device in range(PER_POST)]) for step in range(posts)]
    with TemporaryDirectory() as folder:
        bare_port, port = _free_port(), _free_port()
        with door.bare_server(bare_port), door.service(port, Path(folder)):
            return {
                "post_bare": door.posts_per_second(bare_port, bodies),
                "post_service": door.posts_per_second(port, bodies),
            }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _table(title: str, values: dict[str, float], form: str) -> Table:
    table = Table(title, "", title_justify="left")
    for name, value in values.items():
        table.add_row(name, form.format(value))
    return table


if __name__ == "__main__":
    typer.run(main)
