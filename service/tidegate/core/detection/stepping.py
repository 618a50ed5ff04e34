"""One round of one lane, whatever is in it: score, judge, learn. Returns what facts are made of.

Scoring reads the state as it was before the round; learning leaves it as it is after.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection import acceptance, course
from tidegate.core.detection.acceptance import Ending
from tidegate.core.detection.judgement import Judgement, judge, keep_judgement
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.learning import learn_devices, learn_rows
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.learning import learn_records
from tidegate.core.detection.records.scoring import score_records, take_records
from tidegate.core.detection.rounds import Intake, Round
from tidegate.core.detection.row_scores import STUCK
from tidegate.core.detection.scoring import ORDINARY, DeviceScores, score, take
from tidegate.core.detection.state import NO_ANOMALY, Devices


@dataclass(frozen=True, slots=True)
class Stepped:
    """A round after it was learned. `news` [B]: what an open anomaly would be updated for, though it is no worse; `looked_at`
    [B]: whose open anomaly may have shown by now what kind it is."""

    taken: Round
    scored: DeviceScores
    judgement: Judgement
    news: NDArray[np.bool_]
    looked_at: NDArray[np.bool_]
    ending: Ending


def step_rows(devices: Devices, profiles: Profiles, lane: Lane, intake: Intake) -> Stepped:
    """Step devices that are forecast, metric by metric."""
    taken = take(devices, profiles, lane, intake)
    scored = score(devices, profiles, lane, taken)
    judgement = judge(devices, profiles, taken, scored)
    lost = learn_rows(devices, profiles, lane, taken, scored)
    learn_devices(devices, profiles, taken, scored, judgement.unusual, judgement.ended)
    keep_judgement(devices, taken, scored, judgement)
    devices.settled[intake.slot[lost]] = 0
    rule = np.bincount(taken.owner, weights=scored.rows.rarity[:, STUCK] > ORDINARY, minlength=len(intake)) > 0
    news = rule | (scored.dropout_rarity > ORDINARY)
    looked_at = course.follow(devices, taken)
    return Stepped(
        taken, scored, judgement, news, looked_at, acceptance.follow(devices, profiles, lane, taken, scored, judgement)
    )


def step_records(devices: Devices, profiles: Profiles, lane: RecordLane, intake: Intake) -> Stepped:
    """Step devices whose readings are records."""
    taken = take_records(devices, profiles, lane, intake)
    scored = score_records(devices, lane, taken)
    judgement = judge(devices, profiles, taken, scored)
    renamed = learn_records(devices, lane, taken, scored, judgement)
    learn_devices(devices, profiles, taken, scored, judgement.unusual, judgement.ended)
    keep_judgement(devices, taken, scored, judgement)
    nothing = np.zeros(len(intake), dtype=bool)
    ending = Ending(judgement.ended & (devices.severity[intake.slot] != NO_ANOMALY), nothing)
    return Stepped(taken, scored, judgement, renamed, nothing, ending)
