"""`tidegate config`: what is in force, and whether a file can be used."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from tidegate.bootstrap import check_exposure, core_configuration, kafka_connection
from tidegate.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Show or check the configuration.")

_File = Annotated[Path | None, typer.Option("--config", help="YAML file with settings (also TIDEGATE_CONFIG).")]


@app.command()
def show(config: _File = None) -> None:
    """Print the settings in force as YAML: defaults, file and environment, the later over the earlier."""
    typer.echo(yaml.safe_dump(load_settings(config).model_dump(mode="json"), sort_keys=False).rstrip())


@app.command()
def check(config: _File = None) -> None:
    """Check settings, profiles and the files they name; says which key, file and line is wrong. Connects to nothing."""
    settings = load_settings(config)
    configuration = core_configuration(settings)
    check_exposure(settings)
    kafka_connection(settings.kafka)
    typer.echo(f"ok: {len(configuration.profiles)} profiles")
