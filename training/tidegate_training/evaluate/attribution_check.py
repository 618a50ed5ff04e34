"""Whether an anomaly names the metric that it is due to: the score of the opening reading once more, with that metric missing.

Two passes over the same readings: the first finds the openings, the second stops before each, and asks the service's own scoring,
which changes nothing, what the reading would have scored without the named metric, and without others drawn at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Anomaly, AnomalyStatus
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import MetricName, SiteId
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.rounds import Intake
from tidegate.core.detection.scoring import score, take
from tidegate.core.detection.state import NEVER, NO_GATEWAY
from tidegate.core.forecaster import Forecaster
from tidegate.fleet.series import Series
from tidegate_training.evaluate.scoring import reading_of, row_of

RANDOM_OTHERS: Final = 5
"""Metrics drawn beside the named one, with replacement."""

HISTORY: Final = 1500
AFTER: Final = 4000
"""Readings of a series before and after the end of its train part that are streamed."""

ROWS_PER_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Removal:
    """An anomaly's opening score (−log10 p, heard by policy), its threshold, and the score without the named metric, without all
    metrics whose shares make half of it, and without others; whether a label covers it."""

    unit: str
    labelled: bool
    whole: float
    threshold: float
    without_named: float
    without_half: float
    without_random: tuple[float, ...]
    named_share: float


def cut(series: Series) -> Series:
    """The stretch of `series` that is streamed: around the end of its train part."""
    return series.rows(series.train_rows - HISTORY, series.train_rows + AFTER)


def removals(
    taken: Sequence[Series], configuration: CoreConfiguration, forecaster: Forecaster, random_state: int = 0
) -> list[Removal]:
    """Stream the series side by side twice, and take the named metric away from each opening reading of the second time."""
    random = np.random.default_rng(random_state)
    opened = _openings(taken, configuration, forecaster)
    detection = Detection(configuration, {"universal": forecaster})
    found, done = [], 0
    for row in sorted({row for each in opened for row in each}):
        _stream(detection, taken, done, row)
        done = row
        for place, facts in enumerate(opened):
            removed = _removed(detection, taken[place], _site(place), row, facts[row], random) if row in facts else None
            found += [removed] if removed else []
    return found


def _openings(taken: Sequence[Series], configuration: CoreConfiguration, forecaster: Forecaster) -> list[dict[int, Anomaly]]:
    """Anomalies that opened, by series and row."""
    detection = Detection(configuration, {"universal": forecaster})
    place = {series.device: index for index, series in enumerate(taken)}
    opened: list[dict[int, Anomaly]] = [{} for _ in taken]
    for fact in _stream(detection, taken, 0, max(map(len, taken), default=0)):
        if fact.status is AnomalyStatus.OPENED and fact.metrics:
            series = taken[place[fact.device]]
            opened[place[fact.device]][row_of(series, fact.opened_at_ms)] = fact
    return opened


def _stream(detection: Detection, taken: Sequence[Series], start: int, stop: int) -> list[Anomaly]:
    """Observe rows `start` to `stop` (exclusive) of all series, each at a site of its own."""
    facts: list[Anomaly] = []
    for first in range(start, stop, ROWS_PER_BATCH):
        rows = range(first, min(first + ROWS_PER_BATCH, stop))
        readings = [
            reading_of(series, row, _site(place)) for row in rows for place, series in enumerate(taken) if row < len(series)
        ]
        if readings:
            facts += detection.observe(readings, max(reading.event_time_ms for reading in readings)).anomalies
    return facts


def _site(place: int) -> SiteId:
    return SiteId(f"evaluation-{place}")


def _removed(
    detection: Detection, series: Series, site: SiteId, row: int, fact: Anomaly, random: np.random.Generator
) -> Removal | None:
    named = series.metrics.index(fact.metrics[0])
    others = [place for place in range(len(series.metrics)) if place != named and not np.isnan(series.values[row, place])]
    if not others:
        return None
    slot = detection.roster.directory.known[site, series.device].slot
    drawn = random.choice(others, size=RANDOM_OTHERS).tolist()
    removed = [[], [named], _half(series, fact), *[[place] for place in drawn]]
    values = np.tile(series.values[row], (len(removed), 1))
    for trial, places in enumerate(removed):
        values[trial, places] = np.nan
    rarity = _scores(detection, slot, int(series.event_time_ms[row]), values)
    return Removal(
        unit=str(series.device),
        labelled=bool(series.labels is not None and series.labels[row]),
        whole=rarity[0],
        threshold=float(detection.roster.profiles.threshold[detection.roster.devices.profile[slot]]),
        without_named=rarity[1],
        without_half=rarity[2],
        without_random=tuple(rarity[3:]),
        named_share=_shares(fact).get(fact.metrics[0], 0.0),
    )


def _half(series: Series, fact: Anomaly) -> list[int]:
    """Places of the foremost metrics whose shares come to at least half."""
    share, places, total = _shares(fact), [], 0.0
    for name in fact.metrics:
        if total < 0.5:
            places.append(series.metrics.index(name))
            total += share.get(name, 0.0)
    return places


def _shares(fact: Anomaly) -> dict[MetricName, float]:
    found: dict[MetricName, float] = {}
    for reason in fact.reasons:
        if reason.metric is not None:
            found[reason.metric] = found.get(reason.metric, 0.0) + (reason.share or 0.0)
    return found


def _scores(detection: Detection, slot: int, time_ms: int, values: NDArray[np.float64]) -> list[float]:
    """−log10 p heard by policy of each row of `values` [n, M], as the next reading of the device in `slot` at `time_ms`."""
    count, width = values.shape
    intake = Intake(
        index=np.arange(count),
        slot=np.full(count, slot),
        time_ms=np.full(count, time_ms),
        sequence=np.full(count, NEVER),
        gateway=np.full(count, NO_GATEWAY),
        values=values.ravel(),
        start=np.arange(count) * width,
        width=np.full(count, width),
    )
    roster = detection.roster
    lane = roster.lanes[int(roster.devices.lane[slot])]
    if isinstance(lane, RecordLane):
        return []
    taken = take(roster.devices, roster.profiles, lane, intake)
    return [float(rarity) for rarity in score(roster.devices, roster.profiles, lane, taken).alarm_rarity]
