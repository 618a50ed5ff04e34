"""Looks a topology over before it is set: all that would refuse it, what is doubtful, and the difference to the one in force.

Changes nothing and decides nothing: `check_topology` refuses, by the same `faults_of`; doubts are in `topology_doubts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from tidegate.contracts.topology import Topology, faults_of
from tidegate.contracts.topology_report import Difference, Differing, Finding, FindingSeverity, TopologyReport
from tidegate.core.allocation.model import AllocationView
from tidegate.core.allocation.topology_doubts import doubts

MAX_LISTED: Final = 1000
"""Findings listed, and names of each kind of difference: enough to work on; the counts say how many there are."""


def topology_report(topology: Topology, now: AllocationView) -> TopologyReport:
    """All that can be said about putting `topology` in force at a site that stands as `now` says."""
    in_force = None if now.request is None else now.request.topology
    revisions = (in_force or Topology(topology.site, 0, [], []), topology)
    errors, warnings = list(_refusals(topology, in_force)), list(doubts(topology, now))
    return TopologyReport(
        site=now.site,
        in_force=None if in_force is None else in_force.revision,
        revision=topology.revision,
        valid=not errors,
        errors=len(errors),
        warnings=len(warnings),
        findings=(errors + warnings)[:MAX_LISTED],
        gateways=_difference(*(_by_id(each.gateways) for each in revisions)),
        devices=_difference(*(_by_id(each.devices) for each in revisions)),
        flows=_difference(*(_by_ends(each.flows) for each in revisions)),
        distances=_difference(*(_by_ends(each.distances) for each in revisions)),
    )


def _refusals(topology: Topology, in_force: Topology | None) -> Iterator[Finding]:
    if in_force is not None and topology.revision <= in_force.revision:
        detail = f"revision {topology.revision} does not rise above {in_force.revision}"
        yield Finding(FindingSeverity.ERROR, "revision-not-rising", "#/revision", detail, "raise it, or leave it out")
    for fault in faults_of(topology):
        yield Finding(FindingSeverity.ERROR, fault.code, fault.pointer, fault.detail, fault.advice)


def _by_id(items: Sequence[Any]) -> dict[str, Any]:
    return {each.id: each for each in items}


def _by_ends(items: Sequence[Any]) -> dict[str, Any]:
    """By both ends, whichever comes first; of several between the same two the first."""
    return {" and ".join(sorted((each.source, each.target))): each for each in reversed(items)}


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    changed = [Differing(name, _fields(old[name], new[name])) for name in new if name in old and new[name] != old[name]]
    return Difference(added[:MAX_LISTED], removed[:MAX_LISTED], changed[:MAX_LISTED], len(added), len(removed), len(changed))


def _fields(old: Any, new: Any) -> list[str]:
    return [item.name for item in fields(old) if getattr(old, item.name) != getattr(new, item.name)]
