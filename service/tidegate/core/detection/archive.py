"""The state of detection as arrays and builtins, and back; and one digest over all of it.

Knows no file format: whoever stores a snapshot packs what comes from here.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.codec import from_builtins, pack, to_builtins
from tidegate.core.detection.anomalies import Told
from tidegate.core.detection.incidents import GatewayOutage
from tidegate.core.detection.lateness import Silenced
from tidegate.core.detection.table import Table
from tidegate.errors import InputError

if TYPE_CHECKING:
    from tidegate.core.detection.detection import Detection


def export_state(detection: "Detection") -> dict[str, Any]:
    """Everything that a later answer may depend on, except configuration and bundles. Arrays are copies."""
    roster, directory = detection.roster, detection.roster.directory
    state: dict[str, Any] = {
        "judged_at_ms": detection.judged_at_ms,
        "profiles": [list(key) for key in roster.profiles.keys],
        "metrics": [[*key, metric] for key, metric in roster.profiles.metric_keys],
        "lanes": list(roster.lane_keys),
        "bundles": [lane.identity for lane in roster.lanes],
        "sites": list(directory.sites),
        "gateways": [list(key) for key in directory.gateways],
        "devices": [list(key) for key in directory.devices],
        "awaited": [[*key, gateway] for key, gateway in roster.awaited.items()],
        "anomalies": [[slot, to_builtins(fact)] for slot, fact in sorted(detection.anomalies.open.items())],
        "gateway_incidents": [
            [code, to_builtins(record.incident), record.deserted_ms] for code, record in detection.incidents.gateways.items()
        ],
        "site_incidents": [[code, to_builtins(fact)] for code, fact in detection.incidents.sites.items()],
        "closed_incidents": [to_builtins(fact) for fact in detection.incidents.closed.values()],
        "past": _past_facts(detection),
        "maintenance": detection.anomalies.maintenance.export_state(),
    }
    detection.lateness.tidy()
    for prefix, table in _tables(detection).items():
        state |= {f"{prefix}/{name}": array for name, array in table.export().items()}
    return state


def restore(detection: "Detection", state: Mapping[str, Any]) -> "Detection":
    """Fill a fresh `detection` with an exported state and return it.

    Raises:
        InputError: `state` is not such an export, or one under other bundles.
    """
    try:
        _restore_names(detection, state)
        for prefix, table in _tables(detection).items():
            columns = {name: state[f"{prefix}/{name}"] for name in table.layout}
            table.load(columns)
        _restore_facts(detection, state)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"not a state of detection: {error!r}", advice="rebuild the state from the log") from error
    return detection


def digest(state: Mapping[str, Any]) -> str:
    """sha256 over an exported state, independent of the order of its keys."""
    hasher = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        if isinstance(value, np.ndarray):
            hasher.update(pack((name, value.dtype.str, list(value.shape))))
            hasher.update(np.ascontiguousarray(value).tobytes())
        else:
            hasher.update(pack((name, value)))
    return hasher.hexdigest()


def _tables(detection: "Detection") -> dict[str, Table]:
    roster = detection.roster
    lanes = {f"rows/{key}": lane.rows for key, lane in zip(roster.lane_keys, roster.lanes, strict=True)}
    tail, checkpoints = detection.lateness.tail, detection.lateness.checkpoints
    pasts: dict[str, Table] = {f"past/rows/{key}": checkpoints.table(code) for code, key in enumerate(roster.lane_keys)}
    pasts |= {"past/device": checkpoints.pasts, "past/entry": tail.entries, "past/value": tail.values}
    return {"device": roster.devices, "site": roster.sites, **lanes, **pasts}


def _past_facts(detection: "Detection") -> dict[str, Any]:
    """What pasts keep beside arrays, by slot: anomalies open at the checkpoints, what was told, and silences."""
    older, newer = detection.lateness.checkpoints.open
    return {
        "older": [[slot, to_builtins(older[slot])] for slot in sorted(older)],
        "newer": [[slot, to_builtins(newer[slot])] for slot in sorted(newer)],
        "ledgers": [
            [slot, [[to_builtins(told.fact), told.place_ms] for _, told in sorted(ledger.items())]]
            for slot, ledger in sorted(detection.anomalies.ledgers.items())
        ],
        "silences": [
            [slot, [[each.place_ms, each.at_ms, each.gap_ms] for each in silences]]
            for slot, silences in sorted(detection.lateness.silences.items())
        ],
    }


def _restore_past(detection: "Detection", past: Mapping[str, Any]) -> None:
    for opened, name in zip(detection.lateness.checkpoints.open, ("older", "newer"), strict=True):
        opened.update({int(slot): from_builtins(fact, Anomaly) for slot, fact in past[name]})
    for slot, ledger in past["ledgers"]:
        facts = [(from_builtins(fact, Anomaly), int(place_ms)) for fact, place_ms in ledger]
        detection.anomalies.ledgers[int(slot)] = {fact.id: Told(fact, place_ms) for fact, place_ms in facts}
    for slot, silences in past["silences"]:
        detection.lateness.silences[int(slot)] = [Silenced(int(place), int(at), float(gap)) for place, at, gap in silences]


def _restore_names(detection: "Detection", state: Mapping[str, Any]) -> None:
    roster, directory = detection.roster, detection.roster.directory
    roster.profiles.restore(state["profiles"], state["metrics"])
    for key in state["lanes"]:
        roster.lane(key)
    bundles = [lane.identity for lane in roster.lanes]
    if bundles != list(state["bundles"]):
        raise InputError(f"state was made under bundles {list(state['bundles'])}, loaded are {bundles}")
    for site in state["sites"]:
        directory.site(site)
    for site, gateway in state["gateways"]:
        directory.gateway(site, gateway)
    directory.devices = [(site, device) for site, device in state["devices"]]
    directory.profile_codes = [int(code) for code in state["device/profile"]]
    roster.awaited = {(site, device): int(gateway) for site, device, gateway in state["awaited"]}
    roster.index()


def _restore_facts(detection: "Detection", state: Mapping[str, Any]) -> None:
    detection.judged_at_ms = int(state["judged_at_ms"])
    detection.anomalies.open = {int(slot): from_builtins(fact, Anomaly) for slot, fact in state["anomalies"]}
    detection.incidents.gateways = {
        int(code): GatewayOutage(from_builtins(fact, Incident), int(deserted_ms))
        for code, fact, deserted_ms in state["gateway_incidents"]
    }
    detection.incidents.sites = {int(code): from_builtins(fact, Incident) for code, fact in state["site_incidents"]}
    closed = [from_builtins(fact, Incident) for fact in state["closed_incidents"]]
    detection.incidents.closed = {fact.id: fact for fact in closed}
    _restore_past(detection, state["past"])
    detection.anomalies.maintenance.restore(state["maintenance"])
