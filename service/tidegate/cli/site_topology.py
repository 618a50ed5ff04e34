"""`tidegate site topology`: what a site is made of."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from tidegate.cli.asking import DOOR, EXITS, Json, Limit, Site, Token, Url, ask
from tidegate.cli.exits import OK, UNUSABLE
from tidegate.cli.ordering import COMMAND_EXITS, Given, Giving, gives_order
from tidegate.cli.output import say, say_all, show, table
from tidegate.cli.times import shown_time
from tidegate.cli.wording import counted
from tidegate.contracts.codec import encode, from_builtins
from tidegate.contracts.ids import SiteId
from tidegate.contracts.rest import TopologyBody
from tidegate.contracts.topology import check_topology
from tidegate.contracts.topology_report import TopologyReport
from tidegate.contracts.views import TopologyRevision
from tidegate.errors import ConfigurationError, InputError

app = typer.Typer(no_args_is_help=True, help="Read, check and set the topology of a site.")

File = Annotated[Path, typer.Argument(help="Topology as JSON or YAML; - is standard input.", show_default=False)]

_GET: Final = "Example: `tidegate site topology get plant-7 > plant-7.json`" + EXITS
_SET: Final = "Example: `tidegate site topology set plant-7.json --reason 'gw-c added' --replaces 3`" + COMMAND_EXITS
_REVISIONS: Final = "Example: `tidegate site topology revisions plant-7`" + EXITS
_REVISION_HEADS: Final = ("revision", "in force since", "by", "gateways", "devices", "command")
_VALIDATE: Final = (
    "Example: `tidegate site topology validate plant-7.json`"
    "\n\nExit codes: 0 it can be used, 2 it cannot, and the message says why.\n"
)


@app.command(epilog=_GET)
def get(
    site: Site,
    revision: Annotated[int | None, typer.Option(min=0, help="One that was in force before.")] = None,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Print the topology in force, as a file that `set` takes: YAML, or JSON with --json."""
    topology = ask(
        url, token, lambda client: client.sites.topology(site) if revision is None else client.topologies.revision(site, revision)
    )
    show(topology, as_json, lambda: typer.echo(yaml.safe_dump(yaml.safe_load(encode(topology)), sort_keys=False).rstrip()))


@app.command(name="set", epilog=_SET)
@gives_order
def set_topology(
    given: Given,
    file: File,
    site: Annotated[str | None, typer.Option(help="Site, where FILE names none.")] = None,
    replaces: Annotated[
        int | None, typer.Option(min=0, help="Revision in force that FILE was made from; its own revision is then left out.")
    ] = None,
) -> Giving:
    """Replace the topology of a site by FILE, whose `revision` has to be newer than the one in force.

    Or say with --replaces which revision it is made from: it then gets the next one, and a change in between refuses it.
    """
    body = read_topology(file)
    whose = site or body.site
    if whose is None:
        raise ConfigurationError(f"{file} names no site", advice="give --site")
    if replaces is not None:
        body = replace(body, revision=None)
    return lambda client: client.topologies.put(whose, body, replaces=replaces, order=given.order, key=given.key)


@app.command(epilog=_REVISIONS)
def revisions(site: Site, limit: Limit = 20, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """List the topologies that came into force, the last first; `get --revision` prints one."""
    found = ask(url, token, lambda client: client.topologies.revisions(site).first(limit))
    show(found, as_json, lambda: table(_REVISION_HEADS, map(_revision_row, found), "revision"))


@app.command(epilog=_VALIDATE)
def validate(
    file: File,
    site: Annotated[str | None, typer.Option(help="Ask the service, which knows what is in force at this site.")] = None,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Check a topology: by its own rules, without a service; with --site also what it would change there. Changes nothing."""
    body = read_topology(file)
    if site is not None:
        report = ask(url, token, lambda client: client.topologies.validate(site, body))
        show(report, as_json, lambda: say_all(_findings(report)))
        raise typer.Exit(OK if report.valid else UNUSABLE)
    check_topology(body.at(body.site or SiteId("-"), body.revision or 0))
    counts = {"site": body.site, "revision": body.revision, "gateways": len(body.gateways), "devices": len(body.devices)}
    told = f"{counted(len(body.gateways), 'gateway')}, {counted(len(body.devices), 'device')}"
    show(counts, as_json, lambda: say(f"ok: {told}"))


def _findings(report: TopologyReport) -> Iterator[str]:
    yield f"{'ok' if report.valid else 'not valid'}: {counted(report.errors, 'error')}, {counted(report.warnings, 'warning')}"
    for each in report.findings:
        yield str(encode(each).decode())
    parts = ("gateways", "devices", "flows", "distances")
    for name, difference in ((part, getattr(report, part)) for part in parts):
        if difference is not None:
            yield f"{name}: {encode(difference).decode()}"


def _revision_row(each: TopologyRevision) -> tuple[object, ...]:
    return each.revision, shown_time(each.accepted_at_ms), each.issued_by, each.gateways, each.devices, each.command


def read_topology(file: Path) -> TopologyBody:
    """The topology in `file`.

    Raises:
        ConfigurationError: the file cannot be read.
        InputError: it holds no topology; names the field.
    """
    return from_builtins(read_document(file), TopologyBody)


def read_document(file: Path) -> Any:
    """What `file` holds as JSON or YAML; - is standard input.

    Raises:
        ConfigurationError: it cannot be read.
        InputError: it is neither.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return yaml.safe_load(text)  # JSON is YAML
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{file} is neither JSON nor YAML: {' '.join(str(error).split())[:300]}") from error
