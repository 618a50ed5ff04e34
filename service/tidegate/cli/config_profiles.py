"""`tidegate config profiles|preview|apply`: profiles that are a site's own, asked of and given to a running service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.adapters.profiles import load_profiles
from tidegate.cli.asking import DOOR, EXITS, Json, Site, Token, Url, ask
from tidegate.cli.ordering import COMMAND_EXITS, Given, Giving, gives_order
from tidegate.cli.output import say_all, show, table
from tidegate.contracts.configuration_views import ProfilesBody, ProfilesDiff, SiteProfilesView
from tidegate.contracts.preview import PreviewAnomaly, ProfilesPreview
from tidegate.contracts.profile import Profile

PREVIEW_SECONDS: Final = 120.0
"""Seconds to wait for a preview, which takes one minute at most and what it takes to read the log."""

SHOWN: Final = 20
"""Anomalies of each kind that are shown; `--json` has more."""

Files = Annotated[list[Path] | None, typer.Argument(help="Files or folders with all profiles the site is to have of its own.")]
Replaces = Annotated[
    str | None, typer.Option(help="Digest of the profiles in force that are to be replaced, and no others.", show_default=False)
]

_HEADS: Final = ("profile", "whose", "metrics", "bundle", "alerts per device-day")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: `tidegate config profiles plant-7`" + EXITS)(profiles)
    app.command(epilog="Example: `tidegate config preview plant-7 pump.yaml`" + EXITS)(preview)
    app.command(epilog="Example: `tidegate config apply plant-7 pump.yaml --reason 'fewer alarms'`" + COMMAND_EXITS)(apply)


def profiles(site: Site, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Show the profiles in force at a site, and which are its own."""
    view = ask(url, token, lambda client: client.profiles.get(site))
    show(view, as_json, lambda: _draw(view))


def preview(site: Site, files: Files = None, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Say which past anomalies would vanish or appear under these profiles, on what the log keeps; changes nothing."""
    body = ProfilesBody(_own(files))
    found = ask(url, token, lambda client: client.profiles.preview(site, body), PREVIEW_SECONDS)
    show(found, as_json, lambda: say_all(_preview_lines(found)))


@gives_order
def apply(given: Given, site: Site, files: Files = None, replaces: Replaces = None) -> Giving:
    """Put these profiles in force at a site, in place of all it has of its own; without FILES everybody's apply again."""
    body = ProfilesBody(_own(files), given.reason, given.by)
    return lambda client: client.profiles.put(site, body, replaces=replaces, key=given.key)


def _own(files: list[Path] | None) -> list[Profile]:
    return list(load_profiles(files or []).values())


def _draw(view: SiteProfilesView) -> None:
    say_all([f"{view.site}: profiles {view.digest}, {len(view.own)} of its own"])
    rows = (
        (
            each.name,
            "its own" if each.name in view.own else "everybody's",
            len(each.metrics),
            each.bundle or "universal",
            each.alarm.alerts_per_device_day,
        )
        for each in view.profiles
    )
    table(_HEADS, rows, "profile")


def _preview_lines(found: ProfilesPreview) -> Iterator[str]:
    yield from _diff_lines(found.diff)
    yield f"{found.readings} readings, {found.device_days:.2f} device-days, {found.reach}"
    rates = f"{found.before_per_device_day:.3f} and {found.after_per_device_day:.3f} per device-day"
    yield f"{found.before} anomalies before, {found.after} after ({rates})"
    yield f"{found.vanishing} would vanish, {found.appearing} would appear"
    yield from (_anomaly_line("-", each) for each in found.vanish[:SHOWN])
    yield from (_anomaly_line("+", each) for each in found.appear[:SHOWN])
    yield from (f"note: {note}" for note in found.notes)


def _anomaly_line(sign: str, anomaly: PreviewAnomaly) -> str:
    return f"  {sign} {anomaly.device} at {anomaly.opened_at_ms} ({anomaly.severity}): {'; '.join(anomaly.reasons[:2])}"


def _diff_lines(diff: ProfilesDiff) -> Iterator[str]:
    if not diff.changes:
        yield "no change"
    yield from (f"{each.profile} {each.field or 'as a whole'}: {each.before} → {each.after}"[:300] for each in diff.changes)
    yield from (f"{name}: its devices start to learn anew" for name in diff.restarts)
