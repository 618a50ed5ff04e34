"""Learning from records: what a round leaves in the lane's table, after it has been scored and judged. In place.

Outside an episode a tail counts every record; of an episode it counts the peak, once and for little, when it is over. What is
known to be an attack does not become ordinary by lasting: a classifier is not asked what is usual for a device, but what it does.
"""

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.calibration import forget, learn
from tidegate.core.detection.judgement import Judgement
from tidegate.core.detection.learning import EPISODE_WEIGHT
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.scoring import RecordScores, TakenRecords
from tidegate.core.detection.records.table import NOTHING, RECORD_STREAMS
from tidegate.core.detection.records.tail import EVIDENCE
from tidegate.core.detection.state import Devices

Bool = NDArray[np.bool_]


def learn_records(devices: Devices, lane: RecordLane, taken: TakenRecords, scored: RecordScores, judgement: Judgement) -> Bool:
    """Learn what the records showed. Returns by reading whether it alarms under another class than the last one that did."""
    rows, row, said = lane.rows, taken.row, scored.said
    _learn_tails(devices, lane, taken, scored, judgement)
    rows.record[row] = taken.values
    rows.label[row] = said.label
    for name, numbers in (("probability", said.probability), ("log_odds", said.log_odds), ("energy", said.energy)):
        rows.arrays[name][row] = np.where(scored.judged, numbers, np.nan)
    rows.evidence[row], rows.building[row], rows.mass[row] = scored.evidence, scored.building, scored.mass
    rows.rarity[row] = scored.stream_rarity
    renamed: Bool = judgement.alarming & (scored.named != rows.told[row])
    rows.told[row] = np.where(judgement.ended, NOTHING, np.where(judgement.alarming, scored.named, rows.told[row]))
    return renamed


def _learn_tails(devices: Devices, lane: RecordLane, taken: TakenRecords, scored: RecordScores, judgement: Judgement) -> None:
    """Count each record that is in no episode; of one that ends here its peak."""
    rows, row, ended = lane.rows, taken.row, judgement.ended
    edge = np.floor(np.maximum(EVIDENCE.position(scored.evidence), NOTHING)).astype(np.int64)
    before = rows.peak[row].astype(np.int64)
    peak = np.maximum(before, edge)
    within = devices.episode[taken.intake.slot] | judgement.unusual
    weight = np.where(within, np.where(ended, EPISODE_WEIGHT, 0.0), scored.judged)
    survivors, readings = rows.survivors[row], rows.readings[row]
    reached = np.where(ended[:, None], before, edge).ravel()
    each = survivors.reshape(-1, EVIDENCE.edges)  # the same memory
    learn(each, np.zeros(len(each)), reached, np.repeat(weight, len(RECORD_STREAMS)))
    readings += scored.judged
    forget(survivors, readings, EVIDENCE)
    rows.survivors[row], rows.readings[row] = survivors, readings
    rows.peak[row] = np.where((within & ~ended)[:, None], peak, NOTHING)
