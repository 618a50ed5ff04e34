"""The fleet's map as HTML. Draws; asks nobody anything."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tidegate.console.attention import Attention
from tidegate.console.markup import Markup, address, joined
from tidegate.console.survey import Cell, GatewayMap, SiteMap
from tidegate.console.wording import SEVERITY_MARKS, STATE_MARKS, STATE_WORDS, counted, percent
from tidegate.contracts.anomaly import DeviceState, Severity
from tidegate.contracts.views import SiteView

MOST_CELLS: Final = 240
"""Devices of a gateway that are drawn one by one; of more, only those that somebody should look at."""

_MOST_CALLS: Final = 4
"""Incidents, and plans, that are named one by one."""

_CALM: Final = Markup('<li class="verdict good">Nothing to look at: no open anomaly, no incident, no plan that waits.</li>')

_RESOURCES: Final = {"cpu_millicores": "cpu", "memory_bytes": "memory", "bandwidth_bps": "network", "devices": "devices"}


def strip(sites: Sequence[SiteView]) -> Markup:
    """Devices by state, over all sites."""
    counts: Counter[DeviceState] = Counter()
    for site in sites:
        counts.update(site.devices)
    tiles = [_tile(f"{sum(counts.values()):,}", "devices", f"at {counted(len(sites), 'site')}", "")]
    tiles += [_tile(f"{counts[state]:,}", state, STATE_WORDS[state], f"s-{state}") for state in DeviceState]
    return joined(tiles)


def attention(found: Attention) -> Markup:
    """What somebody should look at now, one line each; calm says so."""
    more = "more than " if found.is_part else ""
    lines = [
        _call(f"a-{severity}", SEVERITY_MARKS[severity], address("anomalies", open="1", severity=severity), f"{more}{told} open")
        for severity, told in ((each, counted(found.anomalies.get(each, 0), f"{each} anomaly")) for each in reversed(Severity))
        if found.anomalies.get(severity)
    ]
    for incident in found.incidents[:_MOST_CALLS]:
        told = f"{incident.cause.replace('-', ' ')} at {incident.site}: {incident.text}"
        lines.append(_call(f"a-{incident.severity}", SEVERITY_MARKS[incident.severity], "anomalies", told))
    for plan in found.plans[:_MOST_CALLS]:
        told = f"a plan of {counted(plan.move_count, 'move')} at {plan.site} waits for approval"
        lines.append(_call("p-proposed", "?", address("plans", plan=plan.plan_id), told))
    left = len(found.incidents[_MOST_CALLS:]) + len(found.plans[_MOST_CALLS:])
    lines += [_call("s-stale", "…", "plans", f"and {counted(left, 'incident or plan')} more")] if left else []
    return joined(lines) or Markup(
        '<li class="verdict good">Nothing to look at: no open anomaly, no incident, no plan that waits.</li>'
    )


def choices(sites: Sequence[SiteView], chosen: Sequence[SiteView]) -> Markup:
    """A link for each site, with how many of its devices are not judged in full."""
    return joined(
        Markup('<a href="{}"{}>{} <span class="dim">{}</span></a>').format(
            address("", site=site.site), Markup(' aria-current="page"') if site in chosen else "", site.site, _trouble(site)
        )
        for site in sites
    )


def site_head(site_map: SiteMap) -> Markup:
    """What is to be said of the site as a whole."""
    site = site_map.site
    cells = [cell for gateway in site_map.gateways for cell in gateway.cells]
    told = [counted(len(cells), "device") + (" shown, there are more" if site_map.is_part else "")]
    told += (
        [counted(site.gateways, "gateway")] if site.topology_revision is not None else ["no topology, so nothing is allocated"]
    )
    anomalous = sum(cell.severity is not None for cell in cells)
    told += [counted(anomalous, "device") + " with an open anomaly"] if anomalous else ["no open anomaly"]
    holds = joined(Markup('<li class="hold">{}</li>').format(hold) for hold in site.holds)
    unplaced = (
        Markup('<li class="hold">Not in the topology: {}</li>').format(", ".join(site.unplaced)) if site.unplaced else Markup("")
    )
    return Markup('<h2>{}</h2><span class="dim">{}</span><ul class="holds">{}{}</ul>').format(
        site.site, " · ".join(told), holds, unplaced
    )


def card(site: str, gateway: GatewayMap) -> Markup:
    """One gateway: marks, load by resource, and its devices."""
    marks = joined((Markup('<span class="mark {}">{}</span>').format(mark, mark) for mark in gateway.marks), " ")
    title = Markup("{}").format(gateway.name) if gateway.name is not None else Markup("<i>no gateway</i>")
    return Markup('<h3><span class="name" title="{}">{}</span> {}<span class="dim count">{}</span></h3>{}{}').format(
        gateway.name or "", title, marks, f"{len(gateway.cells):,}", _load(gateway), _cells(site, gateway.cells)
    )


def legend() -> Markup:
    """What marks and colours mean."""
    states = [_key(f"s-{state}", STATE_MARKS[state], f"{state}: {STATE_WORDS[state]}") for state in DeviceState]
    severities = [_key(f"a-{severity}", SEVERITY_MARKS[severity], f"{severity} anomaly") for severity in Severity]
    return joined([*states, *severities])


def _call(kind: str, mark: str, link: str, told: str) -> Markup:
    return Markup('<li><a href="{}"><span class="cell {}">{}</span> {}</a></li>').format(link, kind, mark, told)


def _tile(figure: str, word: str, details: str, kind: str) -> Markup:
    return Markup('<div class="tile {}" title="{}"><b>{}</b><span>{}</span></div>').format(kind, details, figure, word)


def _trouble(site: SiteView) -> str:
    total = sum(site.devices.values())
    return f"{total - site.devices.get(DeviceState.OK, 0):,} of {total:,} not ok" if total else "no device"


def _load(gateway: GatewayMap) -> Markup:
    bars = joined(
        Markup(
            '<div class="bar-row"><span>{}</span><span class="track"><span class="fill {}" style="width:{}%"></span></span>'
            "<span>{}</span></div>"
        ).format(_RESOURCES.get(name, name), _fullness(load), f"{min(load, 1) * 100:.0f}", percent(load))
        for name, load in gateway.load
    )
    return Markup('<div class="load">{}</div>').format(bars)


def _fullness(load: float) -> str:
    return "over" if load > 1 else "full" if load > 0.85 else ""


def _cells(site: str, cells: Sequence[Cell]) -> Markup:
    drawn = cells if len(cells) <= MOST_CELLS else sorted((each for each in cells if not each.is_calm), key=_urgency)[:MOST_CELLS]
    return Markup('<div class="cells">{}</div>{}').format(joined(_cell(site, cell) for cell in drawn), _rest(cells, drawn))


def _rest(cells: Sequence[Cell], drawn: Sequence[Cell]) -> Markup:
    """How many are not drawn, by state."""
    left = Counter(cell.state for cell in cells) - Counter(cell.state for cell in drawn)
    if not left:
        return Markup("")
    told = ", ".join(f"{left[state]:,} {state}" for state in DeviceState if left[state])
    return Markup('<span class="rest dim">and {} more: {}</span>').format(f"{left.total():,}", told)


def _urgency(cell: Cell) -> tuple[int, int]:
    """Those that somebody should look at first come first: by severity, then the silent, the partly judged, the new."""
    severities, states = list(Severity), list(DeviceState)
    return (-severities.index(cell.severity) - 1 if cell.severity else 0, -states.index(cell.state))


def _cell(site: str, cell: Cell) -> Markup:
    kind = f"s-{cell.state}" if cell.severity is None else f"a-{cell.severity}"
    mark = STATE_MARKS[cell.state] if cell.severity is None else SEVERITY_MARKS[cell.severity]
    told = f"{cell.device}: {cell.state}" + (f", {cell.severity} anomaly" if cell.severity else "")
    # A calm device is reached through the search: thousands of stops would keep a keyboard from everything else.
    return Markup('<a class="cell {}" href="{}" title="{}" aria-label="{}"{}>{}</a>').format(
        kind, address("device", site=site, device=cell.device), told, told, Markup(' tabindex="-1"') if cell.is_calm else "", mark
    )


def _key(kind: str, mark: str, told: str) -> Markup:
    return Markup('<span><span class="cell {}">{}</span>{}</span>').format(kind, mark, told)
