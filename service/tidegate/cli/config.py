"""`tidegate config`: what is in force and where it comes from, and whether a file can be used."""

from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from tidegate.cli import config_profiles, config_reference
from tidegate.cli.config_check import Complaint, Report, Severity, examine
from tidegate.cli.exits import UNUSABLE
from tidegate.contracts.codec import encode
from tidegate.errors import ConfigurationError
from tidegate.settings import VERBATIM, load_traced
from tidegate.settings.sources import gather
from tidegate.settings.view import setting_views

app = typer.Typer(no_args_is_help=True, help="Show, check, preview and change the configuration (docs/configuration.md).")
app.add_typer(config_reference.app, name="reference", hidden=True)
config_profiles.register(app)

_File = Annotated[Path | None, typer.Option("--config", help="YAML file with settings (also TIDEGATE_CONFIG).")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

_SHOW: Final = """
Examples:

  tidegate config show

  TIDEGATE_API__PORT=9000 tidegate config show --origin

  tidegate config show --config tidegate.yaml --json
"""

_CHECK: Final = """
Examples:

  tidegate config check --config tidegate.yaml

  tidegate config check --json

Exit codes: 0 the service would start (there may be warnings), 2 it would not.
"""


@app.command(epilog=_SHOW)
def show(
    config: _File = None,
    origin: Annotated[bool, typer.Option("--origin", help="Also where each value comes from.")] = False,
    as_json: _Json = False,
) -> None:
    """Print the settings in force as YAML: defaults, file and environment, the later over the earlier."""
    loaded = load_traced(config)
    views = setting_views(loaded.settings, loaded.gathered)
    if as_json:
        typer.echo(encode(views))
    elif origin:
        for view in views:
            typer.echo(f"{view.key}: {_inline(view.value)}  # {view.source} {view.where}".rstrip())
    else:
        typer.echo(yaml.safe_dump(loaded.settings.model_dump(mode="json"), sort_keys=False).rstrip())


@app.command(epilog=_CHECK)
def check(config: _File = None, as_json: _Json = False) -> None:
    """Check settings, profiles, bundles and the files they name, say everything that is wrong, and what would run.

    Connects to nothing.
    """
    report = _report(config)
    if as_json:
        typer.echo(encode({"usable": report.usable, "complaints": report.complaints, "summary": report.summary}))
    else:
        _tell(report)
    if not report.usable:
        raise typer.Exit(UNUSABLE)


def _report(config: Path | None) -> Report:
    """What there is to say; a file that cannot even be read is a complaint like any other."""
    try:
        return examine(gather(config, verbatim=VERBATIM))
    except ConfigurationError as error:
        return Report([Complaint(Severity.ERROR, "", error.message, advice=error.advice)])


def _tell(report: Report) -> None:
    for each in report.complaints:
        where = f" [{each.where}]" if each.where else ""
        advice = f" ({each.advice})" if each.advice else ""
        mark, colour = ("✗", typer.colors.RED) if each.severity is Severity.ERROR else ("!", typer.colors.YELLOW)
        typer.secho(f"{mark} {f'{each.key}: ' if each.key else ''}{each.text}{where}{advice}", err=True, fg=colour)
    if report.usable:
        typer.secho(f"ok: {report.summary['profiles']} profiles", fg=typer.colors.GREEN)
        for name, value in report.summary.items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            typer.echo(f"  {name.replace('_', ' ')}: {shown or '–'}")


def _inline(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("...").rstrip()
