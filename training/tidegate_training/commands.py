"""`tidegate train …` and `tidegate evaluate …`: how training joins the command line. Without torch it says what to install."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate_training import profile_command
from tidegate_training.asking import cited_command, explained, need_torch
from tidegate_training.flows import command as flows
from tidegate_training.tuning import command as tuning

if TYPE_CHECKING:
    from tidegate_training.data.series import Series
    from tidegate_training.settings import UniversalSettings

train = typer.Typer(no_args_is_help=True, help="Train the models Tidegate ships, offline; needs torch.")


train.command(name="flows")(flows.train_flows)
train.command(name="profile")(profile_command.train_profile)
train.command(name="tune")(tuning.tune)


def __getattr__(name: str) -> Any:
    """Find `evaluate` only when somebody asks for it: training must not pay for evaluation's imports."""
    if name == "evaluate":
        from tidegate_training.evaluate.commands import app  # noqa: PLC0415  # see the docstring

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@train.command()
def universal(
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds nab, aiops_kpi, smd and bitbrains.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder the bundle goes to, as universal/VERSION.")] = Path("bundles"),
    work: Annotated[Path, typer.Option(help="Folder of the checkpoint.")] = Path("runs/universal"),
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Seconds instead of minutes: a tiny model on small self-made series.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --work.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most.", show_default="30, smoke 2")] = None,
    hidden: Annotated[
        int | None, typer.Option(min=1, max=512, help="Width of the recurrent output.", show_default="48, smoke 8")
    ] = None,
    random_state: Annotated[int, typer.Option(min=0, help="Fixes weights, lanes and split.")] = 7,
    cell: Annotated[
        str, typer.Option(help="plain, peephole or anndra (LSTMs); dense, convolution or transformer (look at a window).")
    ] = "plain",
    without: Annotated[
        str, typer.Option(help="Terms of anndra left out: peephole,kurtosis,skewness,attention,information.", show_default=False)
    ] = "",
    optimiser: Annotated[str, typer.Option(help="adam, or sghmc: momentum with friction and noise.")] = "adam",
    smoothness: Annotated[float, typer.Option(min=0, help="Weight of the forecasts' change from reading to reading.")] = 0.0,
    l2: Annotated[float, typer.Option(min=0, help="Weight of the squared parameters.")] = 0.0,
    total_variation: Annotated[float, typer.Option(min=0, help="Weight of neighbouring parameters' difference.")] = 0.0,
    by_size: Annotated[
        bool, typer.Option("--by-size", help="Train thrice more, on less data, for the report's plot of loss against data size.")
    ] = False,
) -> None:
    """Train the channel-independent forecaster every device can be served by, and write it as a bundle.

    Examples:

    tidegate train universal --data ../shared/data --out bundles

    tidegate train universal --data ../shared/data --out bundles --resume

    tidegate train universal --smoke --out /tmp/bundles

    tidegate train universal --data ../shared/data --out bundles --version anndra --cell anndra
    """
    need_torch()
    from tidegate_training import making  # noqa: PLC0415  # torch
    from tidegate_training.progress import epochs_shown  # noqa: PLC0415
    from tidegate_training.settings import UniversalSettings  # noqa: PLC0415

    chosen: dict[str, Any] = {
        "cell": cell,
        "without": without,
        "optimiser": optimiser,
        "smoothness": smoothness,
        "l2": l2,
        "total_variation": total_variation,
    }
    settings = replace(_settings(smoke, epochs, hidden, random_state), **chosen)
    options = {
        "--data": data,
        "--out": out,
        "--smoke": smoke,
        "--epochs": epochs,
        "--hidden": hidden,
        "--random-state": random_state,
    }
    options |= {
        f"--{name.replace('_', '-')}": value for name, value in chosen.items() if value != getattr(UniversalSettings(), name)
    }
    command = cited_command("universal", {**options, "--version": version})
    steps = 1000 if smoke else 30_000
    order = making.Order(out / "universal" / version, command, work / "checkpoint.pt", resume, steps, by_size)
    with explained(), epochs_shown(settings) as shown:
        making.make(training_series(data, smoke), settings, order, shown.on_update, shown.say)
    typer.echo(f"{order.folder}: ready")


@train.command()
def prior(
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle, NAME/VERSION.", show_default=False)],
    data: Annotated[Path, typer.Option(help="Folder that holds nab, aiops_kpi, smd and bitbrains.", show_default=False)],
    readings: Annotated[int, typer.Option(min=300, max=8000, help="Readings of each device, from its first on.")] = 3000,
) -> None:
    """Learn how heavy the tails of each evidence stream are on the development series, and write that into the manifest.

    Example:

    tidegate train prior --bundle bundles/universal/1 --data ../shared/data
    """
    from tidegate_training.data.sources import DATASETS, recordings  # noqa: PLC0415  # numpy and readers, for one command
    from tidegate_training.prior import make_prior  # noqa: PLC0415

    command = cited_command("prior", {"--bundle": bundle, "--data": data, "--readings": readings})
    with explained():
        make_prior(bundle, {name: recordings(data, name) for name in DATASETS}, command, readings, typer.echo)
    typer.echo(f"{bundle}: prior written")


def _settings(smoke: bool, epochs: int | None, hidden: int | None, random_state: int) -> "UniversalSettings":
    """Return the settings the options ask for."""
    from tidegate_training.settings import SMOKE, UniversalSettings  # noqa: PLC0415

    settings = replace(SMOKE if smoke else UniversalSettings(), random_state=random_state)
    return replace(settings, epochs=epochs or settings.epochs, hidden=hidden or settings.hidden)


def training_series(data: Path | None, smoke: bool) -> "list[Series]":
    """Return the series to train on."""
    from tidegate_training.data.sources import read_all  # noqa: PLC0415
    from tidegate_training.data.synthetic import small_series  # noqa: PLC0415

    if data is None and not smoke:
        raise typer.BadParameter("give the folder of the data sets, or --smoke", param_hint="--data")
    return small_series() if data is None else read_all(data)
