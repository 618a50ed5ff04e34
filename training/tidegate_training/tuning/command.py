"""`tidegate train tune`: its options and its bar. Imports what it needs when it is called."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate_training.asking import cited_command, explained, need_torch


def tune(
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds nab, aiops_kpi, smd and bitbrains.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Table of trials to write (JSON); its page goes beside it.")] = Path(
        "runs/trials.json"
    ),
    trials: Annotated[int, typer.Option(min=1, help="Trials at most.")] = 20,
    method: Annotated[Literal["grid", "optuna"], typer.Option(help="Who proposes: a grid, or Optuna (extra `tune`).")] = "grid",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of each trial at most.", show_default="4, smoke 2")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Seconds instead of minutes, on small self-made series.")] = False,
    random_state: Annotated[int, typer.Option(min=0, help="Fixes weights, lanes, split and the order of trials.")] = 7,
) -> None:
    """Try settings of the universal forecaster in short runs, and write them as a table, best first.

    Examples:

    tidegate train tune --data ../shared/data --trials 12

    tidegate train tune --data ../shared/data --method optuna --trials 40

    tidegate train tune --smoke --trials 3 --out /tmp/trials.json
    """
    need_torch()
    from tidegate_training.commands import training_series  # noqa: PLC0415
    from tidegate_training.data.splits import split  # noqa: PLC0415  # torch, from here on
    from tidegate_training.evaluate import results  # noqa: PLC0415
    from tidegate_training.evaluate.running import progress_shown  # noqa: PLC0415
    from tidegate_training.settings import SMOKE, UniversalSettings  # noqa: PLC0415
    from tidegate_training.tuning.proposals import METHODS, SPACE  # noqa: PLC0415
    from tidegate_training.tuning.trials import NOTES, run_trials, trial_figures  # noqa: PLC0415

    base = replace(SMOKE if smoke else UniversalSettings(), epochs=epochs or (2 if smoke else 4), random_state=random_state)
    options = {"--trials": trials, "--method": method, "--epochs": base.epochs, "--smoke": smoke, "--random-state": random_state}
    command = cited_command("tune", {"--data": "<folder>" if data else None, **options})
    with explained(), progress_shown() as report:
        proposals = METHODS[method](SPACE, random_state)
        parts = split(training_series(data, smoke), base.held_out_ratio, random_state)
        done = run_trials(parts, base, proposals, trials, report)
    results.write(results.collect("Trials", command, trial_figures(done, base), NOTES), out)
    typer.echo(f"wrote {out}: {len(done)} trials, best held-out loss {done[0].held_out:.4f}")
