"""Looks at the state: devices as they stand, why one alarms or not, and what demand rests on. Changes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Anomaly, DeviceState
from tidegate.contracts.configuration_views import BundleUse
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.views import DeviceView, Explanation, MetricPart
from tidegate.core.condition import CONFIDENT, Condition
from tidegate.core.detection.anomalies import Anomalies, score_of
from tidegate.core.detection.attribution import parts_of
from tidegate.core.detection.counterfactual import triggers
from tidegate.core.detection.evidence import MEDIAN
from tidegate.core.detection.explanation import often_of, reasons, suppressions, unheard_metrics, would_fire
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.look import Look, Subject, look_at
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.results import DemandGroup, DemandRows, Trouble
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.samples import held_by
from tidegate.core.detection.state import NEVER, NO_ANOMALY, Rows
from tidegate.core.forecaster import Float64

MOST_ASKED: Final = 5
"""Metrics of a device that are asked which value would alarm: each takes 72 trials, and the worker waits. Of a device of 38
metrics, five take a twentieth of a second."""

UNSURE: Final = frozenset({DeviceState.WARMING, DeviceState.PARTIAL})
"""States in which a device's anomaly is held against nobody."""


def device_views(roster: Roster, anomalies: Anomalies, site: SiteId | None) -> list[DeviceView]:
    """Devices of `site` (null: of all), in the order in which they were first seen."""
    slots = range(roster.devices.size) if site is None else _slots(roster, site).tolist()
    return [_view(roster, anomalies, slot) for slot in slots]


def device_view(roster: Roster, anomalies: Anomalies, site: SiteId, device: DeviceId) -> DeviceView | None:
    """One device; null when it is unknown."""
    slot = _slot(roster, site, device)
    return None if slot is None else _view(roster, anomalies, slot)


def conditions(roster: Roster, anomalies: Anomalies, site: SiteId, devices: Sequence[DeviceId]) -> list[Condition]:
    """How `devices` are, in their order; of one that is unknown nothing was heard."""
    slots = [_slot(roster, site, device) for device in devices]
    return [Condition() if slot is None else _condition(roster, anomalies.open.get(slot), slot) for slot in slots]


def _condition(roster: Roster, anomaly: Anomaly | None, slot: int) -> Condition:
    readings, silent = int(roster.devices.readings[slot]), bool(roster.devices.silent[slot])
    if anomaly is None:
        return Condition(readings, silent)
    return Condition(readings, silent, anomaly.id, anomaly.confidence)


def state_counts(roster: Roster, site: SiteId | None) -> dict[DeviceState, int]:
    """How many devices of `site` (null: of all) are in each state."""
    codes = roster.devices.code[: roster.devices.size] if site is None else roster.devices.code[_slots(roster, site)]
    counts = np.bincount(codes, minlength=len(STATE_CODES))
    return {state: int(count) for state, count in zip(STATE_CODES, counts, strict=True)}


def bundle_uses(roster: Roster) -> dict[str, list[BundleUse]]:
    """Who is served by each bundle, by its identity: devices by site and profile, and how many of them are warm."""
    devices, profiles = roster.devices, roster.profiles
    columns = [getattr(devices, name)[: devices.size] for name in ("lane", "site", "profile")]
    warm = devices.settled[: devices.size] >= profiles.warmup[columns[2]] if devices.size else np.zeros(0, dtype=bool)
    groups, group = np.unique(np.stack(columns), axis=1, return_inverse=True)
    counts = np.bincount(group.ravel(), minlength=groups.shape[1])
    warmed = np.bincount(group.ravel(), weights=warm, minlength=groups.shape[1])
    uses: dict[str, list[BundleUse]] = {}
    for place, (lane, site, profile) in enumerate(groups.T.tolist()):
        use = BundleUse(roster.directory.sites[site], profiles.names[profile], int(counts[place]), int(warmed[place]))
        uses.setdefault(roster.lanes[lane].identity, []).append(use)
    return uses


def newest_event_time_ms(roster: Roster) -> int | None:
    """The newest event time among all devices; null before the first reading."""
    times = roster.devices.last_time_ms[: roster.devices.size]
    newest = int(times.max(initial=NEVER))
    return None if newest == NEVER else newest


def explain(roster: Roster, anomalies: Anomalies, site: SiteId, device: DeviceId) -> Explanation | None:
    """Why the device alarms or why not, with every stream's part; null when it is unknown."""
    slot = _slot(roster, site, device)
    if slot is None:
        return None
    subject = roster.subject(slot)
    look = look_at(subject, held_by(roster, anomalies, slot))
    parts = _parts(subject, look, fires=slot not in anomalies.open and look.held is None)
    return Explanation(
        device=_view(roster, anomalies, slot),
        threshold=look.threshold,
        alarming=slot in anomalies.open,
        streams=reasons(look, least=0.0),
        suppressed_by=suppressions(look, unheard_metrics(subject, look)),
        would_fire=would_fire(look),
        bundle=roster.profiles.bundles[subject.profile],
        policy=roster.profiles.policies[subject.profile],
        how_often=often_of(look),
        parts=parts,
    )


def _parts(subject: Subject, look: Look, *, fires: bool) -> list[MetricPart]:
    """Each metric's part in the score, and for the foremost which next value would alarm, unless nothing could (`fires`)."""
    parts = parts_of(look, subject)
    asked = [part.metric for part in parts if part.metric is not None][:MOST_ASKED] if fires else []
    found = triggers(subject, asked)
    return [
        replace(part, fires_below=found[part.metric].below, fires_above=found[part.metric].above)
        if part.metric is not None and part.metric in found
        else part
        for part in parts
    ]


def demand_rows(roster: Roster, site: SiteId) -> DemandRows:
    """Latest values and forecasts in force of a site's devices, a group per profile; empty for an unknown site."""
    slots = _slots(roster, site)
    profile = roster.devices.profile[slots]
    codes = [int(code) for code in np.unique(profile) if roster.profiles.metrics[code]]
    return DemandRows(site, [_group(roster, code, slots[profile == code]) for code in codes])


def troubles(roster: Roster, anomalies: Anomalies, site: SiteId) -> list[Trouble]:
    """Open anomalies of a site's devices that are confident: of none that is warming, or was measured in part."""
    slots = _slots(roster, site)
    ill = slots[roster.devices.severity[slots] != NO_ANOMALY].tolist()
    found = [anomalies.open[slot] for slot in ill if slot in anomalies.open]
    sure = (each for each in found if each.confidence >= CONFIDENT and each.device_state not in UNSURE)
    return [Trouble(each.device, each.opened_at_ms) for each in sure]


def _group(roster: Roster, profile: int, slots: NDArray[np.int64]) -> DemandGroup:
    lane = roster.lanes[roster.devices.lane[slots[0]]]
    metrics = roster.profiles.metrics[profile]
    if isinstance(lane, RecordLane):
        values = np.array([list(roster.subject(slot).values().values()) for slot in slots.tolist()], dtype=np.float64)
        quantiles = np.full((*values.shape, len(HORIZONS), len(QUANTILE_LEVELS)), np.nan)
    else:
        place = roster.devices.first_row[slots][:, None] + np.arange(len(metrics))
        values, quantiles = _believable(roster, lane.rows, place), lane.rows.quantiles[place]
    return DemandGroup(
        profile=roster.profiles.names[profile],
        metrics=list(metrics),
        devices=[roster.directory.devices[slot][1] for slot in slots.tolist()],
        event_time_ms=roster.devices.last_time_ms[slots],
        values=values,
        quantiles=quantiles,
    )


def _believable(roster: Roster, rows: Rows, place: NDArray[np.int64]) -> Float64:
    """Latest values, with the forecast's median in place of what the sensor cannot say: nobody is moved for a broken sensor."""
    value, metric = rows.value[place], rows.metric[place]
    broken = (value < roster.profiles.low[metric]) | (value > roster.profiles.high[metric])
    return np.where(broken, rows.quantiles[place][..., 0, MEDIAN], value)


def _slot(roster: Roster, site: SiteId, device: DeviceId) -> int | None:
    """Where a device's state is; null when it has none."""
    known = roster.directory.known.get((site, device))
    return None if known is None or known.slot >= roster.devices.size else known.slot


def _slots(roster: Roster, site: SiteId) -> NDArray[np.int64]:
    code = roster.directory.site_codes.get(site, -1)
    return np.flatnonzero(roster.devices.site[: roster.devices.size] == code)


def _view(roster: Roster, anomalies: Anomalies, slot: int) -> DeviceView:
    devices = roster.devices
    site, device, gateway = roster.named(slot)
    subject = roster.subject(slot)
    rarity = float(devices.rarity[slot])
    opened = anomalies.open.get(slot)
    return DeviceView(
        site=site,
        device=device,
        profile=roster.profiles.names[subject.profile],
        gateway=gateway,
        state=STATE_CODES[devices.code[slot]],
        readings=int(devices.readings[slot]),
        last_event_time_ms=int(devices.last_time_ms[slot]),
        score=None if np.isnan(rarity) else score_of(rarity),
        neg_log10_p=None if np.isnan(rarity) else rarity,
        anomaly=None if opened is None else opened.id,
        metrics=subject.values(),
        unrest=None if np.isnan(rarity) else float(devices.sustained[slot]),
    )
