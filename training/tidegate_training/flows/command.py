"""`tidegate train flows`: its options and its bar. Imports what it needs when it is called."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tidegate_training.asking import cited_command, explained, need_torch

if TYPE_CHECKING:
    from tidegate_training.flows.settings import FlowSettings


def train_flows(
    data: Annotated[Path, typer.Option(help="RT-IoT2022 file, or a folder that holds it.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder the bundle goes to, as flows/VERSION.")] = Path("bundles"),
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    imbalance: Annotated[
        Literal["none", "weights", "root-weights", "smote"], typer.Option(help="What is done for rare classes.")
    ] = "root-weights",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs.", show_default="30, smoke 2")] = None,
    normal: Annotated[
        list[str] | None, typer.Option(help="Class that is no attack (repeatable).", show_default="RT-IoT2022's four")
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Two epochs only, to see that it works.")] = False,
    random_state: Annotated[int, typer.Option(min=0, help="Fixes weights, order and what is set apart.")] = 7,
) -> None:
    """Train the dense classifier of flow records, and write it as a bundle with an HTML report.

    Ports, addresses and times are left out, duplicates go before anything is split, limits come from training rows.

    Examples:

    tidegate train flows --data ../shared/data --out bundles

    tidegate train flows --data ../shared/data --imbalance smote --out /tmp/bundles --version 2

    tidegate train flows --data flows.parquet --smoke --out /tmp/bundles
    """
    need_torch()
    from tidegate.fleet.readers.rt_iot2022 import NORMAL  # noqa: PLC0415
    from tidegate_training.evaluate.flow_table import read_flows  # noqa: PLC0415  # readers, for one command
    from tidegate_training.evaluate.running import progress_shown  # noqa: PLC0415
    from tidegate_training.flows import run  # noqa: PLC0415  # torch

    options = {
        "--data": data,
        "--out": out,
        "--version": version,
        "--imbalance": imbalance,
        "--epochs": epochs,
        "--smoke": smoke,
        "--random-state": random_state,
    }
    names = [word for name in normal or () for word in ("--normal", name)]
    command = " ".join([cited_command("flows", options), *names])
    order = run.Order(out / run.NAME / version, version, command, tuple(normal or NORMAL))
    with explained(), progress_shown() as report:
        run.train_flows(read_flows(data), _settings(smoke, epochs, imbalance, random_state), order, report)
    typer.echo(f"{order.folder}: ready")


def _settings(
    smoke: bool, epochs: int | None, imbalance: Literal["none", "weights", "root-weights", "smote"], random_state: int
) -> "FlowSettings":
    from tidegate_training.flows.settings import SMOKE, FlowSettings  # noqa: PLC0415

    settings = replace(SMOKE if smoke else FlowSettings(), imbalance=imbalance, random_state=random_state)
    return replace(settings, epochs=epochs or settings.epochs)
