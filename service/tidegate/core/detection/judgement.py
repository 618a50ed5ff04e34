"""Judgement: what a score means under the alarm policy. Alarms, episodes, severities, device states; no facts yet.

The threshold is the alert budget itself: rarity is −log10 of episodes per reading, so "at most 0.05 alerts a day" is one
number per profile. It cannot rise during an incident or sink after one; only the device's own tail moves, slowly.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import DeviceState
from tidegate.core.detection.learning import EPISODE_RARITY
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.rounds import Round
from tidegate.core.detection.scoring import DeviceScores
from tidegate.core.detection.state import Devices
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]

STATE_CODES: Final = tuple(DeviceState)
"""Device states by code."""

SURPRISE_FLOOR: Final = 2.0
"""Decades of combined evidence without which no rarity alarms: a single row's own tail at one in a thousand. It keeps a
device that never showed anything from alarming at the first wrinkle."""

SEVERITY_STEPS: Final = (1.0, 2.5, 4.0)
"""Decades beyond the threshold at which an anomaly is medium, high and critical."""

IMPOSSIBLE_RANK: Final = 1
"""Least severity (medium) of a value that the sensor cannot physically say."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """By reading: `alarming`, `unusual` (in an episode), `ended` (its episode closes here), severity `rank`, state `code`."""

    alarming: Bool
    unusual: Bool
    ended: Bool
    rank: NDArray[np.int64]
    code: NDArray[np.int8]
    threshold: Float64


def judge(devices: Devices, profiles: Profiles, taken: Round, scored: DeviceScores) -> Judgement:
    """Judge a scored round; the state stays as it is. A warming device alarms for impossible values only."""
    slot, profile = taken.intake.slot, taken.profile
    threshold = profiles.threshold[profile]
    settled = devices.settled[slot] + 1 >= profiles.warmup[profile]
    telling = settled & scored.judged
    beyond = telling & (scored.alarm_rarity >= threshold) & (scored.alarm_surprise >= SURPRISE_FLOOR)
    rank = severity_rank(np.where(beyond, scored.alarm_rarity - threshold, 0.0))
    rank = np.where(scored.impossible, np.maximum(rank, IMPOSSIBLE_RANK), rank)
    alarming = (beyond | scored.impossible) & (rank >= profiles.lowest_rank[profile])
    unusual = (telling & (scored.rarity >= EPISODE_RARITY)) | alarming
    calm = devices.calm[slot] + scored.judged
    ended = devices.episode[slot] & ~unusual & (calm >= profiles.close_after[profile])
    return Judgement(alarming, unusual, ended, rank, _state_codes(settled, scored), threshold)


def severity_rank(excess: Float64) -> NDArray[np.int64]:
    """Rank of a severity by decades beyond the threshold."""
    return np.searchsorted(np.array(SEVERITY_STEPS), excess, side="right").astype(np.int64)


def keep_judgement(devices: Devices, taken: Round, scored: DeviceScores, judgement: Judgement) -> None:
    """Move episodes and states on, in place. Readings that could not be judged neither calm nor excite."""
    slot = taken.intake.slot
    devices.calm[slot] = np.where(judgement.unusual, 0, devices.calm[slot] + scored.judged)
    devices.episode[slot] = judgement.unusual | (devices.episode[slot] & ~judgement.ended)
    devices.code[slot] = judgement.code


def _state_codes(settled: Bool, scored: DeviceScores) -> NDArray[np.int8]:
    complete = np.where(scored.partial, STATE_CODES.index(DeviceState.PARTIAL), STATE_CODES.index(DeviceState.OK))
    return np.where(settled, complete, STATE_CODES.index(DeviceState.WARMING)).astype(np.int8)
