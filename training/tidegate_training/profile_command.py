"""`tidegate train profile`: a bundle for the devices of one profile. Imports what it needs when it is called."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.errors import ConfigurationError
from tidegate_training.asking import cited_command, explained, need_torch

if TYPE_CHECKING:
    from tidegate.contracts.profile import Profile
    from tidegate_training.data.series import DeviceSeries
    from tidegate_training.settings import JointSettings


def train_profile(
    name: Annotated[str, typer.Argument(help="The profile, shipped or in --profiles.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of data sets, or a .jsonl file of readings as REST takes them.", show_default=False),
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Data set below --data, smd for one (repeatable).", show_default="all of --data")
    ] = None,
    profiles: Annotated[
        list[Path] | None,
        typer.Option(help="File or folder of your own profiles (repeatable).", show_default="the shipped ones"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder the bundle goes to, as NAME/VERSION.")] = Path("bundles"),
    work: Annotated[Path | None, typer.Option(help="Folder of the checkpoint.", show_default="runs/NAME")] = None,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Seconds instead of minutes: a tiny model on self-made devices.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --work.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs at most.", show_default="30, smoke 2")] = None,
    hidden: Annotated[
        int | None, typer.Option(min=1, max=512, help="Width of the recurrent output.", show_default="64, smoke 8")
    ] = None,
    random_state: Annotated[int, typer.Option(min=0, help="Fixes weights, lanes and split.")] = 7,
) -> None:
    """Train a forecaster that takes all metrics of a device together, for the devices of one profile, and write it as a bundle.

    Metrics, their order and their units are the profile's. Of data sets with a training part only that is read.

    Examples:

    tidegate train profile smd-server --data ../shared/data --dataset smd

    tidegate train profile boiler --profiles profiles/ --data history.jsonl --out bundles

    tidegate train profile skab-testbed --smoke --out /tmp/bundles
    """
    need_torch()
    from tidegate_training import making  # noqa: PLC0415  # torch
    from tidegate_training.evaluate.scoring import universal_forecaster  # noqa: PLC0415
    from tidegate_training.progress import epochs_shown  # noqa: PLC0415

    if data is None and not smoke:
        raise typer.BadParameter("give the data of such devices, or --smoke", param_hint="--data")
    options = {
        "--data": data,
        "--out": out,
        "--version": version,
        "--smoke": smoke,
        "--epochs": epochs,
        "--hidden": hidden,
        "--random-state": random_state,
    }
    repeated = [("--dataset", each) for each in dataset or ()] + [("--profiles", str(each)) for each in profiles or ()]
    command = cited_command("profile", options, name, repeated=repeated)
    with explained():
        profile = _profile(name, profiles or [])
        settings = _settings(profile, smoke, epochs, hidden, random_state)
        order = making.Order(
            out / name / version,
            command,
            (work or Path("runs") / name) / "checkpoint.pt",
            resume,
            1000 if smoke else 30_000,
            metrics=tuple(profile.metrics),
            units=tuple(metric.unit for metric in profile.metrics.values()),
            prior=universal_forecaster().manifest.prior,
        )
        with epochs_shown(settings) as shown:
            making.make(_devices(data, dataset or [], profile), settings, order, shown.on_update, shown.say)
    typer.echo(f"{order.folder}: ready")


def _profile(name: str, paths: list[Path]) -> "Profile":
    """Return the profile `name`: of files in `paths`, or shipped.

    Raises:
        ConfigurationError: there is none, or its name cannot be that of a bundle.
    """
    from tidegate.adapters.profiles import load_profiles, shipped_profiles  # noqa: PLC0415
    from tidegate.contracts.ids import ProfileName  # noqa: PLC0415

    known = {**shipped_profiles(), **load_profiles(paths)}
    found = known.get(ProfileName(name))
    if found is None:
        raise ConfigurationError(f"no profile {name!r}, there are: {', '.join(sorted(known))}"[:400], advice="give --profiles")
    if name == "universal" or "/" in name:
        raise ConfigurationError(f"profile {name!r} cannot give a bundle its name", advice="rename the profile")
    return found


def _settings(profile: "Profile", smoke: bool, epochs: int | None, hidden: int | None, random_state: int) -> "JointSettings":
    from tidegate_training.settings import JOINT_SMOKE, JointSettings  # noqa: PLC0415

    settings = replace(JOINT_SMOKE if smoke else JointSettings(), metrics=len(profile.metrics), random_state=random_state)
    return replace(settings, epochs=epochs or settings.epochs, hidden=hidden or settings.hidden)


def _devices(data: Path | None, datasets: list[str], profile: "Profile") -> "list[DeviceSeries]":
    from tidegate_training.data.devices import read_devices  # noqa: PLC0415  # numpy and readers
    from tidegate_training.data.synthetic import small_devices  # noqa: PLC0415

    if data is None:
        return small_devices(profile.name, list(profile.metrics))
    return read_devices([data / each for each in datasets] or [data], profile)
