"""Learning: what a round leaves in the state, after it has been scored. In place, on the tables.

Every tail learns every reading, anomalous ones too, because leaving them out makes tails too thin and thresholds sink.
But a stretch of unusual readings is one event: rows count its later readings for less, the device counts its peak once,
and at most as rare as the alarm threshold.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.calibration import (
    CROSS,
    DEVICE,
    DROPOUT,
    LEVEL,
    NOVELTY,
    RESIDUAL,
    SEASON,
    SHAPES,
    TailShape,
    forget,
    learn,
)
from tidegate.core.detection.evidence import DROPOUT_DECAY, NOVELTY_AFTER
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.rounds import Round
from tidegate.core.detection.row_scores import Taken
from tidegate.core.detection.scoring import DeviceScores, Scored, device_position
from tidegate.core.detection.state import NEVER, RECENT_TIMES, Devices
from tidegate.core.detection.streams import cross, level, season
from tidegate.core.detection.table import Table
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

EPISODE_RARITY: Final = 2.0
"""−log10 p from which a reading is unusual: it starts an episode, or keeps it going."""

EPISODE_WEIGHT: Final = 1 / 8
"""What a reading inside an episode weighs in its rows' tails: an incident of a day must not teach that it is normal."""

SPREAD_MEMORY: Final = 4096.0
"""Readings over which a row's long-run spread is averaged; as long as the shorter half of a tail's memory."""

SPREAD_JUMP: Final = 8.0
"""Spreads: one value moves the spread by no more than this many (winsorised) …"""

SPREAD_SHARE: Final = 1 / 8
"""… or this share of the range seen, if that is more: a metric that never moved must be able to start moving (as a level)."""


def learn_rows(devices: Devices, profiles: Profiles, lane: Lane, taken: Taken, scored: Scored) -> Bool:
    """Step the forecaster and learn what the rows showed. Returns by reading whether its model state had to start anew."""
    rows, row = lane.rows, taken.row
    _learn_tails(devices, lane, taken, scored)
    _learn_range(lane, taken, scored)
    _learn_repeats(lane, taken, scored)
    clean = scored.rows.clean
    cross.learn(rows, row, scored.rows.cross)
    expected = scored.rows.season.expected
    rows.season_expected[row] = expected
    season.learn(rows, row[clean], taken.values[clean], taken.intake.time_ms[taken.owner[clean]], expected[clean])
    level.learn(rows, row[clean], taken.values[clean], scored.rows.level.means[clean])
    rows.observed[row] += scored.rows.clean
    rows.rarity[row] = scored.rows.rarity
    rows.missing[row] = np.isnan(taken.values)
    seen = ~rows.missing[row]
    rows.value[row[seen]] = taken.values[seen]
    rows.band[row[seen]] = scored.rows.residual.band[seen]
    return _step(profiles, lane, taken, clean)


def _step(profiles: Profiles, lane: Lane, taken: Taken, clean: Bool) -> Bool:
    order = _bundle_order(profiles, lane, taken)
    rows, row, owner, clean = lane.rows, taken.row[order], taken.owner[order], clean[order]
    step = lane.forecaster.step(
        np.where(clean, taken.values[order], 0.0),
        clean.astype(np.float32),
        taken.elapsed[owner].astype(np.float32),
        np.ones(len(row), dtype=np.float32),
        rows.model_state(row),
    )
    rows.quantiles[row] = step.quantiles
    rows.keep_model_state(row, step.state)
    lost = ~np.isfinite(step.quantiles).all(axis=(1, 2))
    for tensor in step.state.values():
        lost |= ~np.isfinite(tensor).all(axis=1)
    lost_by_reading: Bool = np.bincount(owner, weights=lost, minlength=len(taken.intake)) > 0
    if lost.any():  # rows that step as one remember as one
        _start_anew(lane, row[lost_by_reading[owner] if lane.together > 1 else lost])
    return lost_by_reading


def _bundle_order(profiles: Profiles, lane: Lane, taken: Taken) -> Int64 | slice:
    """Which rows of a round come one after the other: a joint bundle has an order of its own for those of a device."""
    if lane.together == 1:
        return slice(None)
    codes, which = np.unique(taken.profile, return_inverse=True)
    place = np.stack([profiles.bundle_places[code] for code in codes.tolist()])[which]
    return np.asarray(np.arange(len(place))[:, None] * lane.together + place).ravel()


def _start_anew(lane: Lane, row: Int64) -> None:
    """Forget the model state of `row`: it is no longer finite. What the tails know of the row stays."""
    lane.rows.quantiles[row] = np.nan
    for name in lane.rows.tensors:
        lane.rows.arrays[f"model/{name}"][row] = 0


def _learn_tails(devices: Devices, lane: Lane, taken: Taken, scored: Scored) -> None:
    weight = np.where(devices.episode[taken.intake.slot], EPISODE_WEIGHT, 1.0)[taken.owner]
    for name, shape, surprise in (
        ("residual", SHAPES[RESIDUAL], scored.rows.residual.surprise),
        ("novelty", SHAPES[NOVELTY], scored.rows.novelty),
        ("level", SHAPES[LEVEL], scored.rows.level.surprise),
        ("cross", SHAPES[CROSS], scored.rows.cross.surprise),
        ("season", SHAPES[SEASON], scored.rows.season.surprise),
    ):
        said = scored.rows.clean & ~np.isnan(surprise)
        _learn_tail(lane.rows, name, taken.row[said], shape, shape.position(surprise[said]), weight[said])


def _learn_tail(table: Table, name: str, row: Int64, shape: TailShape, position: Float64, weight: Float64) -> None:
    survivors, readings = table.arrays[f"{name}_survivors"], table.arrays[f"{name}_readings"]
    mine, counted = survivors[row], readings[row]
    learn(mine, counted, _edge(position), weight)
    forget(mine, counted, shape)
    survivors[row], readings[row] = mine, counted


def _edge(position: Float64) -> Int64:
    """The edge at or below `position`; −1 below the first."""
    return np.floor(np.maximum(position, -1.0)).astype(np.int64)


def _learn_range(lane: Lane, taken: Taken, scored: Scored) -> None:
    """Widen ranges and spreads; once a range is known, one value widens it by its own width at most."""
    rows, row = lane.rows, taken.row[scored.rows.clean]
    values, low, high = taken.values[scored.rows.clean], rows.low[row], rows.high[row]
    width = np.where((rows.observed[row] >= NOVELTY_AFTER) & (high > low), high - low, np.inf)
    with np.errstate(invalid="ignore"):
        rows.low[row] = np.maximum(np.minimum(low, values), np.where(np.isfinite(width), low - width, -np.inf))
        rows.high[row] = np.minimum(np.maximum(high, values), np.where(np.isfinite(width), high + width, np.inf))
    distance = np.abs(values - scored.rows.residual.band[scored.rows.clean, 1])
    known = ~np.isnan(distance)
    row, distance = row[known], distance[known]
    before, count = rows.spread[row], np.minimum(rows.residual_readings[row], SPREAD_MEMORY)
    limit = np.maximum(SPREAD_JUMP * before, SPREAD_SHARE * (rows.high[row] - rows.low[row]))
    bounded = np.where(count > NOVELTY_AFTER, np.minimum(distance, limit), distance)
    rows.spread[row] = before + (bounded - before) / np.maximum(count, 1.0)


def _learn_repeats(lane: Lane, taken: Taken, scored: Scored) -> None:
    """Count successive equal values. Broken and missing values are skipped. Long runs are counted up to a limit only, so
    that a stuck sensor does not teach that sticking is normal."""
    rows, row, run = lane.rows, taken.row[scored.rows.clean], scored.rows.run[scored.rows.clean]
    judged = (rows.observed[row] > 0) & (run <= LONGEST_RUN)
    rows.steps[row] += judged
    rows.repeats[row] += judged & (run > 1)
    rows.run[row] = run


LONGEST_RUN: Final = 32
"""Equal values in a row that still count as ordinary repeats."""


def learn_devices(devices: Devices, profiles: Profiles, taken: Round, scored: DeviceScores, unusual: Bool, ended: Bool) -> None:
    """Learn what the devices showed, and mark the reading as their last. `unusual` and `ended` come from `judgement`."""
    slot = taken.intake.slot
    _learn_dropout(devices, profiles, taken, scored)
    _learn_surprise(devices, profiles, taken, scored, unusual)
    _keep_time(devices, taken)
    devices.missed[slot] = scored.missed
    devices.dropout_rarity[slot] = scored.dropout_rarity
    devices.surprise[slot] = scored.surprise
    devices.sustained[slot] = scored.sustained
    devices.rarity[slot] = scored.rarity
    devices.alarm_rarity[slot] = scored.alarm_rarity
    devices.peak[slot[ended]] = -1


def _learn_dropout(devices: Devices, profiles: Profiles, taken: Round, scored: DeviceScores) -> None:
    """Count the account of missed intervals, which remembers 16 of them, as a sixteenth of a reading each.

    While it rises it is not learned: a loss that builds up must not teach its own first steps before it is told.
    """
    slot = taken.intake.slot
    rising = (scored.missed > devices.missed[slot]) & (devices.missed[slot] > 0.0)
    learnt = (devices.readings[slot] > 0) & ~(rising & (devices.settled[slot] >= profiles.warmup[taken.profile]))
    weight = np.full(int(learnt.sum()), 1.0 - DROPOUT_DECAY)
    _learn_tail(devices, "dropout", slot[learnt], SHAPES[DROPOUT], SHAPES[DROPOUT].position(scored.missed[learnt]), weight)


def _learn_surprise(devices: Devices, profiles: Profiles, taken: Round, scored: DeviceScores, unusual: Bool) -> None:
    """One count per ordinary reading and per episode's peak, at most at the threshold (winsorised)."""
    slot = taken.intake.slot
    limit = scored.fitted.position_of(profiles.threshold[taken.profile])
    edge = _edge(np.minimum(device_position(scored.surprise, taken.width), np.minimum(limit, SHAPES[DEVICE].edges)))
    peak = devices.peak[slot]
    judged = scored.judged
    counted = np.where(unusual, peak, -1)
    survivors, readings = devices.device_survivors[slot], devices.device_readings[slot]
    learn(survivors, np.zeros(len(slot)), edge, judged.astype(np.float64), counted)
    readings += judged
    forget(survivors, readings, SHAPES[DEVICE])
    devices.device_survivors[slot], devices.device_readings[slot] = survivors, readings
    devices.peak[slot] = np.where(unusual, np.maximum(peak, edge), peak)


def _keep_time(devices: Devices, taken: Round) -> None:
    intake, slot = taken.intake, taken.intake.slot
    devices.recent_ms[slot, devices.readings[slot] % RECENT_TIMES] = intake.time_ms
    devices.last_time_ms[slot] = intake.time_ms
    numbered = intake.sequence != NEVER
    devices.last_sequence[slot[numbered]] = intake.sequence[numbered]
    named = (intake.gateway >= 0) & ~devices.assigned[slot]
    devices.gateway[slot[named]] = intake.gateway[named]
    devices.readings[slot] += 1
    devices.settled[slot] += 1
    devices.spoke[slot] = True
