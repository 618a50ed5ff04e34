"""Acceptance: whether an open anomaly is over, goes on because a metric stays where it went, or has become the new normal.

A good forecaster takes a shift for granted within a few readings, and the episode ends; the device is not back for that. Its
anomaly stays open while a metric is away from its usual level, until it returns or has stood there, calmly, for `absorb_after`
readings in a row. Then it is accepted, and what was usual is moved to where the device is now. Moves no score before that.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.anomaly import Reason
from tidegate.contracts.ids import MetricName
from tidegate.core.detection.judgement import Judgement
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.look import Subject
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.row_scores import STUCK, Taken
from tidegate.core.detection.scoring import ORDINARY, Scored
from tidegate.core.detection.state import NO_ANOMALY, Devices
from tidegate.core.detection.streams import level, season
from tidegate.core.detection.streams.level import Place
from tidegate.core.detection.words import duration, number

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

MOST_SCATTER: Final = 1 / 2
"""Of the way from the old level to the new one: how far a single reading may lie from the new one. Behaviour that spreads by a
seventh of that way or less then stands for hundreds of readings, by a third not for ten."""

MOST_DRIFT: Final = 1 / 8
"""Of that way: how far the mean over the longest span may lag behind. More is a metric on its way elsewhere."""

ACCEPTANCE: Final = "acceptance"
"""Stream of the reason that says so."""

NEW_NORMAL: Final = "accepted as the new normal"

NOTHING_SAID: Final = 0
VETO: Final = 1
WELCOME: Final = 2
"""Codes of what people say of an open anomaly (`Devices.word`)."""

WORDS: Final = {AnomalyLabel.TRUE_ALARM: VETO, AnomalyLabel.NEW_TREND: WELCOME}
"""Labels that decide about acceptance; a later one of any other kind takes them back."""


@dataclass(frozen=True, slots=True)
class Ending:
    """By reading: the open anomaly `closes`, because it is over or, where `accepted`, because it is the new normal."""

    closes: Bool
    accepted: Bool


def follow(devices: Devices, profiles: Profiles, lane: Lane, taken: Taken, scored: Scored, judgement: Judgement) -> Ending:
    """Follow the open anomalies of a round that has been learned; counts in place, and moves what is accepted to be usual."""
    slot = taken.intake.slot
    opened = devices.severity[slot] != NO_ANOMALY
    if not opened.any():
        nothing = np.zeros(len(slot), dtype=bool)
        return Ending(nothing, nothing)
    place = level.place(lane.rows, taken.row)
    away = place.away & _wanted(profiles, taken.metric, place)
    held = opened & _any(taken, away)
    stands = held & scored.judged & ~_any(taken, away & ~_steady(place)) & ~_by_rule(taken, scored)
    _count(devices.stood, slot, opened & scored.judged, stands)
    _count(devices.over, slot, opened & (scored.judged | judgement.unusual), ~(judgement.unusual | held))
    devices.outlived[slot] |= opened & ~devices.episode[slot]
    accepted = opened & _accepted(devices, profiles, taken, ~_any(taken, away & ~_arrived(place)))
    over = opened & ~devices.episode[slot] & (devices.over[slot] >= profiles.close_after[taken.profile])
    _rebase(devices, lane, taken, accepted, away)
    return Ending(over | accepted, accepted)


def say(devices: Devices, slot: int, label: AnomalyLabel) -> None:
    """Note what somebody says of the open anomaly of `slot`, after its last reading; the last word counts."""
    devices.word[slot] = WORDS.get(label, NOTHING_SAID)
    devices.word_ms[slot] = devices.last_time_ms[slot]


def reason(subject: Subject, metrics: list[MetricName]) -> Reason:
    """Why the anomaly of `subject`, about `metrics`, has just been accepted: what stands where, and for how long."""
    devices, slot = subject.devices, subject.slot
    named = [(row, name, metric) for row, name, metric in subject.rows() if name in metrics]
    levels = [(name, float(subject.lane.rows.level_means[row, -1]), metric.unit) for row, name, metric in named]
    if devices.word[slot] == WELCOME:
        text = f"{NEW_NORMAL}: labelled {AnomalyLabel.NEW_TREND}"
    else:
        since = duration(float(devices.stood[slot]) * subject.interval_ms / 1000.0)
        text = f"{NEW_NORMAL}: " + ", ".join(f"{name} at {number(at, unit)}" for name, at, unit in levels) + f" for {since}"
    name, at, _ = levels[0] if levels else (None, None, "")
    return Reason(ACCEPTANCE, name, at, None, None, None, 0.0, text)


def _count(column: NDArray[np.int32], slot: Int64, counted: Bool, goes_on: Bool) -> None:
    """One more where it `goes_on`, from 0 where it does not; of readings that are not `counted` nothing."""
    here = slot[counted]
    column[here] = np.where(goes_on[counted], column[here] + 1, 0)


def _wanted(profiles: Profiles, metric: Int64, place: Place) -> Bool:
    """Rows whose level policy wants to hear of, on this side and by this much."""
    side = np.where(place.jump > 0.0, profiles.above[metric], profiles.below[metric])
    wanted: Bool = side & (np.abs(place.jump) >= profiles.minimum_deviation[metric]) & (profiles.weight[metric] > 0.0)
    return wanted


def _steady(place: Place) -> Bool:
    steady: Bool = place.scatter <= MOST_SCATTER * np.abs(place.jump)
    return steady


def _arrived(place: Place) -> Bool:
    arrived: Bool = place.drift <= MOST_DRIFT * np.abs(place.jump)
    return arrived


def _by_rule(taken: Taken, scored: Scored) -> Bool:
    """Readings that a rule speaks against: a stuck, broken or lossy sensor is not a new normal."""
    return _any(taken, scored.rows.rarity[:, STUCK] > ORDINARY) | scored.impossible | (scored.dropout_rarity > ORDINARY)


def _accepted(devices: Devices, profiles: Profiles, taken: Taken, arrived: Bool) -> Bool:
    """By what the device shows, unless somebody says that it is a true alarm; at once where somebody says so."""
    slot, wanted = taken.intake.slot, profiles.absorb_after[taken.profile]
    shown = (wanted > 0) & (devices.stood[slot] >= wanted) & arrived
    word = devices.word[slot]
    return np.where(word == NOTHING_SAID, shown, (word == WELCOME) & (taken.intake.time_ms > devices.word_ms[slot]))


def _rebase(devices: Devices, lane: Lane, taken: Taken, accepted: Bool, away: Bool) -> None:
    """Let what is usual be where the accepted devices are now; they are in no episode any more."""
    if not accepted.any():
        return
    slot, row = taken.intake.slot[accepted], taken.row[accepted[taken.owner] & away]
    season.move(lane.rows, row, level.rebase(lane.rows, row))
    devices.episode[slot] = False
    devices.peak[slot] = -1


def _any(taken: Taken, rows: Bool) -> Bool:
    """Whether any row of a reading is so."""
    return np.bincount(taken.owner, weights=rows, minlength=len(taken.intake)) > 0
