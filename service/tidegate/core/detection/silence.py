"""Silence: who has stopped speaking, judged at ticks by how far the rest of the site has moved on.

Event times are compared with the site's own progress, never with the tick, so that a replay at any speed and a backlog
after a restart are judged alike. Only when a whole site stops is the tick the judge: then nothing else moves.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.state import NEVER, Devices
from tidegate.core.detection.table import Column, Table

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

JUDGE_EVERY_MS: Final = 1000
"""Milliseconds of ticks between two judgements: silence is a matter of intervals, micro-batches come faster."""

FAST_CLOCKS: Final = 0.02
"""Share of a site's devices, and one more, whose clocks may run ahead without moving the site's progress."""

LONGEST_TICK_MS: Final = 60_000
"""What one judgement adds to a site's quiet time at most: we may have been down, and then the site was not quiet."""

QUIET_JUDGEMENTS: Final = 3
"""Judgements in a row without a reading before a site can be called silent."""

SHORTEST_QUIET_MS: Final = 30_000.0
"""A site is not called silent sooner, however fast its devices: producers reconnect within this time."""


class Sites(Table):
    """One entry per site; times in milliseconds."""

    progress_ms: NDArray[np.int64]  # event time the site has reached, but for a few fast clocks
    quiet_ms: NDArray[np.int64]  # ticks since anybody spoke
    quiet_judgements: NDArray[np.int32]
    incidents: NDArray[np.int32]  # opened so far

    def __init__(self) -> None:
        layout = {"progress_ms": Column("i8", fill=NEVER), "quiet_ms": Column("i8")}
        super().__init__(layout | {"quiet_judgements": Column("i4"), "incidents": Column("i4")})


@dataclass(frozen=True, slots=True)
class Silence:
    """A judgement of all devices and sites. `gap_ms` int64 [device] is how far its site went on since it last spoke;
    `silent` [device]; `returned` [device] was silent and spoke; `quiet` [site] nobody speaks at all; `spoke` [device]."""

    gap_ms: Int64
    silent: Bool
    returned: Bool
    spoke: Bool
    quiet: Bool


def judge_silence(devices: Devices, sites: Sites, profiles: Profiles, tick_step_ms: int) -> Silence:
    """Judge who is silent, `tick_step_ms` after the last judgement, and take note of who spoke since. In place."""
    site, profile = devices.site[: devices.size], devices.profile[: devices.size]
    spoke = devices.spoke[: devices.size].copy()
    _move_on(devices, sites)
    progress = sites.progress_ms[site]
    heard = np.where(spoke, progress, devices.heard_ms[: devices.size])
    gap = progress - heard
    silent = gap > profiles.silent_after_ms[profile]
    returned = devices.silent[: devices.size] & ~silent
    quiet = _quiet(devices, sites, profiles, spoke, tick_step_ms)
    devices.heard_ms[: devices.size] = heard
    devices.vouches[: devices.size] |= spoke
    devices.silent[: devices.size] = silent
    devices.refused[: devices.size][spoke] = 0
    devices.spoke[: devices.size] = False
    return Silence(gap, silent, returned, spoke, quiet)


def _move_on(devices: Devices, sites: Sites) -> None:
    """Move each site's progress to the event time that all but its few fastest clocks have passed. Never back."""
    site, last = devices.site[: devices.size], devices.last_time_ms[: devices.size]
    ordered = last[np.lexsort((last, site))]
    count = np.bincount(site, minlength=sites.size)
    ahead = np.minimum(1 + (FAST_CLOCKS * count).astype(np.int64), (count - 1) // 3)
    peopled = count > 0
    newest = np.cumsum(count) - 1
    reached = ordered[(newest - ahead)[peopled]]
    progress = sites.progress_ms[: sites.size]
    progress[peopled] = np.maximum(progress[peopled], reached)


def _quiet(devices: Devices, sites: Sites, profiles: Profiles, spoke: Bool, tick_step_ms: int) -> Bool:
    """Which sites nobody has spoken in for longer than their most frequent device may be silent, by ticks."""
    site, count = devices.site[: devices.size], sites.size
    heard = np.bincount(site, weights=spoke, minlength=count) > 0
    sites.quiet_ms[:count] = np.where(heard, 0, sites.quiet_ms[:count] + min(max(tick_step_ms, 0), LONGEST_TICK_MS))
    sites.quiet_judgements[:count] = np.where(heard, 0, sites.quiet_judgements[:count] + 1)
    patience = np.full(count, np.inf)
    np.minimum.at(patience, site, profiles.silent_after_ms[devices.profile[: devices.size]])
    patience = np.maximum(patience, SHORTEST_QUIET_MS)
    lasting: Bool = (sites.quiet_ms[:count] > patience) & (sites.quiet_judgements[:count] >= QUIET_JUDGEMENTS)
    return lasting
