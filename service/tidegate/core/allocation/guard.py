"""The mass-failure guard: when too many gateways fall silent at once, the fault is more likely ours than theirs.

A broken link between us and the site, or a stalled topic, looks like the death of every gateway. Moving all devices then
would turn our fault into theirs.
"""

from collections.abc import Set
from typing import Final

import numpy as np

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Decision, DecisionStatus, Trigger
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.life import without_plan
from tidegate.core.allocation.site import Site
from tidegate.core.identity import fact_id

AT_ONCE_MS: Final = 300_000
"""Milliseconds of ticks: gateways that fell silent within this of each other fell at once (five minutes, our choice: devices
of long intervals are missed later than others, so one cause shows up staggered)."""


def disbelief(site: Site, silent: Set[GatewayId], mass_failure_share: float, now_ms: int) -> str | None:
    """Why the silence of `silent` is not believed, None when it is.

    Not believed: `mass_failure_share` (0 to 1) of the site's gateways or more at once, or every one of several that serve
    devices. Gateways whose silence was believed longer ago count neither as silent nor as part of the site.
    """
    long_dead = {gateway for gateway in site.silent if now_ms - site.deaths[gateway].began_ms > AT_ONCE_MS}
    gateways = site.gateway_names() - long_dead
    quiet = silent & gateways
    if quiet and len(quiet) >= mass_failure_share * len(gateways):
        return f"{len(quiet)} of {len(gateways)} gateways are silent at once"
    names, occupied = site.ground.frame.gateways, np.unique(site.placed.gateway)
    serving = {names[index] for index in occupied[occupied != NOWHERE]} - long_dead
    if len(serving) > 1 and serving <= quiet:
        return f"all {len(serving)} gateways that serve devices are silent at once"
    return None


def guarded(site: Site, why: str, now_ms: int) -> Decision:
    """The fact that an evacuation was not even planned."""
    reason = f"mass-failure guard: {why}; we suspect our own view and move nobody until fewer are"
    return without_plan(site, fact_id("guard", site.id, now_ms), DecisionStatus.REFUSED, Trigger.GATEWAY_DOWN, reason, now_ms)
