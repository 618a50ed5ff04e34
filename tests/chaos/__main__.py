"""`python -m chaos`: one run of chaos, printed, added to a results file, and kept in a folder when a promise was broken."""

import asyncio
import json
import logging
import os
import shutil
import signal
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chaos.fleet import recorded, simulated
from chaos.record import add_to, record_of
from chaos.run import Outcome, run_chaos
from chaos.schedule import Programme, schedule
from tidegate.adapters.kafka.connection import Delivery

_NICE = 5
"""Chaos shares the machine with whoever works on it."""


def main(
    faults: Annotated[int, typer.Option("-n", "--faults", min=1, help="How many.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Draws faults, moments and mischief; the same again gives the same.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Folder of recorded data; default the simulator.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes at first.")] = 2,
    most_workers: Annotated[int, typer.Option(min=1, help="And at most.")] = 3,
    folder: Annotated[Path, typer.Option(help="Where a run's logs and the broker's data go.")] = Path("runs/chaos"),
    out: Annotated[Path | None, typer.Option(help="Results file to add the run to (JSON; its page beside it).")] = None,
    delivery: Annotated[Delivery, typer.Option(help="What the workers promise.")] = Delivery.EXACTLY_ONCE,
    keep: Annotated[bool, typer.Option(help="Keep the run's folder even when every promise held.")] = False,
) -> None:
    """Strike real workers on a real broker at random, reproducible moments, and judge what they made of it."""
    os.nice(_NICE)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker is mistreated on purpose
    programme = Programme(seed, faults, workers, max(workers, most_workers))
    own = folder / f"seed-{seed}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    own.mkdir(parents=True)
    _note(own / "schedule.json", [asdict(strike) for strike in schedule(programme)])
    again = _again(programme, data, delivery)
    source = recorded(data) if data else simulated(seed)
    try:
        outcome = asyncio.run(_until_terminated(run_chaos(programme, source, own.resolve(), delivery)))
    except BaseException:
        typer.secho(f"the run did not come to its end: what there is is in {own}; the same again: {again}", err=True)
        raise
    record = record_of(outcome)
    _note(own / "record.json", record)
    _note(own / "broken.json", outcome.broken())
    typer.echo(json.dumps({name: value for name, value in record.items() if name != "strikes"}, indent=1))
    if out is not None:
        add_to(out, record)
    _say(outcome, own, again)
    if outcome.broken():
        raise typer.Exit(1)
    if not keep:
        shutil.rmtree(own)


async def _until_terminated(run: Coroutine[None, None, Outcome]) -> Outcome:
    """SIGTERM ends the run as Ctrl-C does: with it, the broker and the workers end."""
    task = asyncio.create_task(run)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _note(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _again(programme: Programme, data: Path | None, delivery: Delivery) -> str:
    """What to type for the same schedule over the same input."""
    words = [f"make chaos N={programme.faults} SEED={programme.seed} WORKERS={programme.workers}"]
    words += [f"DELIVERY={delivery}"] if delivery is not Delivery.EXACTLY_ONCE else []
    return " ".join(words + ([f"DATA={data}"] if data else []))


def _say(outcome: Outcome, folder: Path, again: str) -> None:
    for name, found in outcome.broken().items():
        typer.secho(f"✗ {name}: {len(found)}, e.g. {found[0]}", err=True, fg=typer.colors.RED)
    if outcome.broken():
        typer.secho(f"everything is in {folder}; the same again: {again}", err=True)
    else:
        typer.secho(f"✓ {len(outcome.struck)} faults, every promise held ({again})", fg=typer.colors.GREEN)


if __name__ == "__main__":
    typer.run(main)
