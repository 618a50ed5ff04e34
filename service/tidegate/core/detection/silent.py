"""What silence leads to at a tick: incidents first, then anomalies of single devices that no incident explains.

Silence within a maintenance window leads to neither; one that outlasts it does.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import UNHEARD, Anomaly, DeviceState, Incident, IncidentStatus
from tidegate.contracts.configuration import DetectionSettings
from tidegate.core.detection.anomalies import Anomalies
from tidegate.core.detection.explanation import silence_reason
from tidegate.core.detection.incidents import Incidents
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.lateness import Lateness
from tidegate.core.detection.maintenance import KEPT_MS, Maintenance
from tidegate.core.detection.outage import judge_outages
from tidegate.core.detection.results import DetectionResult
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.silence import SHORTEST_QUIET_MS, Silence, judge_silence

Bool = NDArray[np.bool_]

GRACE_INTERVALS: Final = 1.5
"""Intervals that a silent device waits for its gateway's fall to explain it: its neighbours report within one."""

SILENCE_RANK: Final = 1
"""Severity (medium) of a single device's silence."""


def judge_and_tell(
    roster: Roster,
    anomalies: Anomalies,
    lateness: Lateness,
    incidents: Incidents,
    settings: DetectionSettings,
    step_ms: int,
    tick_ms: int,
    result: DetectionResult,
) -> None:
    """Judge silence at `tick_ms`, `step_ms` of ticks after the last time, and add the facts to `result`."""
    devices, maintenance = roster.devices, anomalies.maintenance
    silence = judge_silence(devices, roster.sites, roster.profiles, step_ms)
    stale = silence.silent | silence.quiet[devices.site[: devices.size]]
    revisable_ms = 2 * int(roster.profiles.lateness_ms.max(initial=0))
    excused = np.zeros(devices.size, dtype=bool)
    if maintenance:
        _forget(roster, maintenance, revisable_ms)
        excused = _excused(roster, maintenance, silence)
        quiet = _unexcused(roster, incidents, maintenance, silence, tick_ms)
        silence = replace(silence, silent=silence.silent & ~excused, quiet=quiet)
    outage = judge_outages(devices, roster.profiles, silence, excused, len(roster.directory.gateways), settings)
    opened = {slot: fact.id for slot, fact in anomalies.open.items()}
    result.incidents += incidents.review(devices, roster.sites, roster.directory, silence, outage, opened, step_ms, revisable_ms)
    here = slice(devices.size)
    devices.told[here] &= ~silence.spoke
    devices.code[here][stale] = STATE_CODES.index(DeviceState.STALE)
    told = [_tell(roster, anomalies, lateness, int(slot), silence) for slot in _unexplained(roster, silence)]
    result.anomalies += [fact for fact in told if fact is not None]
    result.anomalies += _explained(roster, anomalies, result.incidents)


def _forget(roster: Roster, maintenance: Maintenance, revisable_ms: int) -> None:
    for site in maintenance.sites():
        code = roster.directory.site_codes.get(site)
        if code is not None and code < roster.sites.size:
            maintenance.forget(site, int(roster.sites.progress_ms[code]) - max(KEPT_MS, revisable_ms))


def _excused(roster: Roster, maintenance: Maintenance, silence: Silence) -> Bool:
    """Devices whose silence is within a window, or whose patience has not run out since it ended: they get all of it again."""
    devices, profiles = roster.devices, roster.profiles
    excused = np.zeros(devices.size, dtype=bool)
    codes = [roster.directory.site_codes[site] for site in maintenance.sites() if site in roster.directory.site_codes]
    for slot in np.flatnonzero(silence.silent & np.isin(devices.site[: devices.size], codes)).tolist():
        profile = devices.profile[slot]
        patience = profiles.silent_after_ms[profile] + GRACE_INTERVALS * profiles.interval_ms[profile]
        at_ms = int(roster.sites.progress_ms[devices.site[slot]])
        since_ms = at_ms - int(min(patience, KEPT_MS))
        excused[slot] = maintenance.covering(roster.named(slot), since_ms, at_ms) is not None
    return excused


def _unexcused(roster: Roster, incidents: Incidents, maintenance: Maintenance, silence: Silence, tick_ms: int) -> Bool:
    """Sites that nobody speaks in, without those in maintenance. By ticks, as when a whole site stops nothing else moves; an
    incident that is open already goes on."""
    quiet = silence.quiet.copy()
    for code in np.flatnonzero(quiet).tolist():
        site = roster.directory.sites[code]
        if code not in incidents.sites and maintenance.covers_site(site, tick_ms - int(SHORTEST_QUIET_MS), tick_ms):
            quiet[code] = False
    return quiet


def _unexplained(roster: Roster, silence: Silence) -> NDArray[np.int64]:
    """Devices whose silence has lasted beyond the grace, has no incident to explain it and has not been told."""
    devices, profiles = roster.devices, roster.profiles
    here = slice(devices.size)
    profile = devices.profile[here]
    overdue = silence.gap_ms > profiles.silent_after_ms[profile] + GRACE_INTERVALS * profiles.interval_ms[profile]
    known = devices.told[here] | (devices.incident[here] >= 0) | silence.quiet[devices.site[here]]
    return np.flatnonzero(silence.silent & overdue & ~known)


def _tell(roster: Roster, anomalies: Anomalies, lateness: Lateness, slot: int, silence: Silence) -> Anomaly | None:
    roster.devices.told[slot] = True
    at_ms, gap_ms = int(roster.sites.progress_ms[roster.devices.site[slot]]), float(silence.gap_ms[slot])
    lateness.silenced(slot, at_ms, gap_ms)
    return tell_silence(roster, anomalies, slot, at_ms, gap_ms)


def tell_silence(roster: Roster, anomalies: Anomalies, slot: int, at_ms: int, gap_ms: float) -> Anomaly | None:
    """The fact of one device's silence, for `gap_ms` when its site stood at `at_ms`; null when its open anomaly says so
    already. The device is in an episode from then on."""
    devices = roster.devices
    devices.episode[slot] = True
    devices.calm[slot] = devices.over[slot] = 0
    subject = roster.subject(slot)
    return anomalies.alarm(subject, roster.named(slot), at_ms, SILENCE_RANK, [silence_reason(subject, gap_ms)])


def _explained(roster: Roster, anomalies: Anomalies, incidents: list[Incident]) -> list[Anomaly]:
    """Silence anomalies told before their gateway's incident opened now point to it."""
    facts = []
    for incident in incidents:
        if incident.status is not IncidentStatus.OPENED or incident.gateway is None:
            continue
        code = roster.directory.gateway_codes[incident.site, incident.gateway]
        for slot in np.flatnonzero(roster.devices.incident[: roster.devices.size] == code).tolist():
            before = anomalies.open.get(slot)
            if before is not None and before.fault_kind in UNHEARD:
                facts.append(anomalies.attach(slot, incident.id, incident.opened_at_ms))
    return facts
