"""`python -m fuzz`: a campaign with figures, or one finding again."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fuzz.campaign import CHECKPOINT_BATCHES, MOST_DEVICES, Campaign, Tally, repeat
from fuzz.evidence import Case, load
from tidegate.core.forecaster import Forecaster
from tidegate_training.evaluate import results
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster

_NICE = 19
"""A campaign shares the machine with whoever works on it."""

_NOTES = (
    "Inputs are mutated and random messages on telemetry, commands and acks; a quarter as many again go through unspoiled, so "
    "that there is state. One process, decoding and core as a worker runs them, shipped profiles and universal bundle, at most "
    f"{MOST_DEVICES} devices.",
    "crashes: exceptions, numpy's warnings among them. unaccounted: messages without reading or letter, and every gap in "
    "received = scored + duplicate + quarantined + dead-lettered, between letters and balance, or in answers to commands.",
    "rss_growth_mb: resident memory at the end over that after a fifth of the inputs.",
    f"Every {CHECKPOINT_BATCHES} batches the state is exported, restored, compared by digest, and the restored one goes on.",
)


def main(
    inputs: Annotated[int, typer.Option("-n", "--inputs", min=1, help="Spoiled messages to send.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Draws everything; the same again gives the same.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Folder of recorded data to start from besides the simulator.")] = None,
    folder: Annotated[Path, typer.Option(help="Where findings go.")] = Path("runs/fuzz"),
    out: Annotated[Path | None, typer.Option(help="Results file to write (JSON; its page beside it).")] = None,
    again: Annotated[Path | None, typer.Option("--repeat", help="A finding to make happen again; nothing else is done.")] = None,
) -> None:
    """Send spoiled messages through decoding and state; exit with 1 when a promise was broken."""
    os.nice(_NICE)
    forecasters = {"universal": universal_forecaster()}
    if again is not None:
        _again(load(again), forecasters)
        return
    began = time.monotonic()
    campaign = Campaign(seed, service_configuration(), forecasters, folder, data, _tell)
    tally = campaign.run(inputs)
    figures = tally.figures() | {"seed": seed, "seconds": round(time.monotonic() - began, 1)}
    typer.echo(figures)
    if out is not None:
        command = f"make fuzz N={inputs} SEED={seed}" + (" DATA=<folder>" if data else "")
        results.write(results.collect("Fuzz", command, figures, _NOTES), out)
    if tally.broken():
        typer.echo(f"findings are in {folder}", err=True)
        raise typer.Exit(1)


def _tell(tally: Tally) -> None:
    typer.echo(f"{tally.inputs:,} inputs, {tally.broken()} findings", err=True)


def _again(case: Case, forecasters: Mapping[str, Forecaster]) -> None:
    """Step what led to `case`; a crash comes as its traceback, anything else as lines."""
    typer.echo(f"{case.kind}: {case.said}")
    for finding in repeat(case, forecasters):
        typer.echo(finding)


if __name__ == "__main__":
    typer.run(main)
