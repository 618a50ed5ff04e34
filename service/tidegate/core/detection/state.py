"""The state of detection: what is kept per device and per (device, metric) row, as columns.

Rows live in one table per bundle (a lane), because rows of a bundle step together. Bytes per entry are a promise
(design: tier `light`); look at `Table.bytes_per_row` before adding a column.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.manifest import StateTensor
from tidegate.core.detection.calibration import CROSS, DEVICE, DROPOUT, LEVEL, NOVELTY, RESIDUAL, SEASON, SHAPES
from tidegate.core.detection.streams import cross, level, season
from tidegate.core.detection.table import Column, Table
from tidegate.core.forecaster import State

RECENT_TIMES: Final = 8
"""Event times remembered per device, to tell a repeat from a late reading. Producers retry within a few readings."""

NEVER: Final = -(2**62)
"""An event time, tick or sequence before all others."""

NO_ANOMALY: Final = -1
"""`Devices.severity` while no anomaly is open."""

NO_GATEWAY: Final = -1
"""Code of no gateway."""

NO_PAST: Final = -1
"""`Devices.past` of a device whose order of readings is final."""

NO_METRIC: Final = -1
"""`Devices.course_metric` while no course is kept."""

COURSE_LENGTH: Final = 32
"""Readings of an open anomaly that its course holds: by then a drift has parted from a level shift."""

STREAMS: Final = ("residual", "range", "stuck", "level", "cross", "season")
"""Evidence streams of a row, in the order of `Rows.rarity`."""


def _tail(stream: str, name: str) -> dict[str, Column]:
    return {f"{name}_survivors": Column("f4", (SHAPES[stream].edges,)), f"{name}_readings": Column("f8")}


class Devices(Table):
    """One entry per device. Codes point into the directory; times are milliseconds."""

    site: NDArray[np.int32]
    profile: NDArray[np.int32]
    gateway: NDArray[np.int32]  # −1: none known
    assigned: NDArray[np.bool_]  # by allocation: then a reading's own word about its gateway counts no more
    lane: NDArray[np.int32]
    first_row: NDArray[np.int64]
    readings: NDArray[np.int64]  # scored since the device is known
    settled: NDArray[np.int64]  # scored since it started or its model state was reset
    last_time_ms: NDArray[np.int64]
    last_sequence: NDArray[np.int64]
    recent_ms: NDArray[np.int64]
    code: NDArray[np.int8]  # of DeviceState
    missed: NDArray[np.float64]  # intervals missed lately, decaying
    dropout_rarity: NDArray[np.float64]
    dropout_survivors: NDArray[np.float32]
    dropout_readings: NDArray[np.float64]
    surprise: NDArray[np.float64]  # combined evidence of the last reading, decades
    sustained: NDArray[np.float64]  # its mean over about ten readings
    rarity: NDArray[np.float64]  # −log10 p of `surprise`; NaN while it cannot be judged
    alarm_rarity: NDArray[np.float64]  # the same of what direction and minimum deviation let pass
    device_survivors: NDArray[np.float32]
    device_readings: NDArray[np.float64]
    episode: NDArray[np.bool_]  # a stretch of unusual readings is on
    peak: NDArray[np.int64]  # highest edge the episode has counted
    calm: NDArray[np.int32]  # usual readings in a row within the episode
    over: NDArray[np.int32]  # readings in a row for which the open anomaly has been over
    stood: NDArray[np.int32]  # readings in a row that stood calmly at a new level, within the open anomaly
    outlived: NDArray[np.bool_]  # the open anomaly goes on beyond the episode it came from
    word: NDArray[np.int8]  # what people say of the open anomaly (`acceptance`)
    word_ms: NDArray[np.int64]  # the device's newest event time when they said it
    severity: NDArray[np.int8]  # rank of the open anomaly; −1: none is open
    past: NDArray[np.int32]  # where its checkpoints are kept; −1: its profile takes no late readings
    spoke: NDArray[np.bool_]  # since silence was last judged
    vouches: NDArray[np.bool_]  # has spoken since it was given to its gateway, so its silence says something of it
    heard_ms: NDArray[np.int64]  # where the site's event time stood when it last spoke
    silent: NDArray[np.bool_]
    told: NDArray[np.bool_]  # its silence has an anomaly of its own
    incident: NDArray[np.int32]  # gateway whose incident explains its silence; −1: none
    refused: NDArray[np.int32]  # readings whose times could not be believed, since it was last heard
    course: NDArray[np.float32]  # of the open anomaly's foremost metric: forecast errors away from what was expected (`course`)
    course_metric: NDArray[np.int32]  # which of the device's metrics; −1: none
    course_count: NDArray[np.int32]  # readings in it
    course_centre: NDArray[np.float64]  # what was expected at the opening
    course_unit: NDArray[np.float64]  # a forecast error

    def __init__(self) -> None:
        flags = ("assigned", "episode", "outlived", "spoke", "vouches", "silent", "told")
        times = ("last_time_ms", "last_sequence", "heard_ms", "word_ms")
        layout = {name: Column("i4") for name in ("site", "profile", "lane", "calm", "over", "stood")}
        layout |= {name: Column("i4", fill=NO_GATEWAY) for name in ("gateway", "incident")}
        layout |= {"past": Column("i4", fill=NO_PAST), "refused": Column("i4")}
        layout |= {name: Column("?") for name in flags}
        layout |= {name: Column("i8") for name in ("first_row", "readings", "settled")}
        layout |= {name: Column("i8", fill=NEVER) for name in times}
        layout |= {"recent_ms": Column("i8", (RECENT_TIMES,), NEVER), "peak": Column("i8", fill=-1), "code": Column("i1", fill=1)}
        layout |= {"severity": Column("i1", fill=NO_ANOMALY), "word": Column("i1")}
        layout |= {name: Column("f8") for name in ("missed", "dropout_rarity", "surprise", "sustained", "alarm_rarity")}
        layout |= {"rarity": Column("f8", fill=np.nan)}
        layout |= {"course": Column("f4", (COURSE_LENGTH,), np.nan), "course_metric": Column("i4", fill=NO_METRIC)}
        layout |= {"course_count": Column("i4")}
        layout |= {name: Column("f8") for name in ("course_centre", "course_unit")}
        super().__init__(layout | _tail(DROPOUT, "dropout") | _tail(DEVICE, "device"))


class Rows(Table):
    """One entry per (device, metric) of a lane; the rows of a device lie together. `model/…` columns are the bundle's own."""

    device: NDArray[np.int32]
    metric: NDArray[np.int32]
    observed: NDArray[np.int64]  # values seen since the row's model state was fresh
    value: NDArray[np.float64]  # last observed; NaN before the first
    missing: NDArray[np.bool_]  # in the last reading
    quantiles: NDArray[np.float64]  # the forecast in force [horizon, level]; NaN before the first
    band: NDArray[np.float64]  # what was expected of the last value: 5 %, 50 % and 95 % quantile
    spread: NDArray[np.float64]  # long-run mean distance from the median
    low: NDArray[np.float64]  # of the range seen
    high: NDArray[np.float64]
    run: NDArray[np.int32]  # equal values in a row, this one included
    steps: NDArray[np.float64]  # pairs of successive values judged for equality
    repeats: NDArray[np.float64]  # of them equal
    rarity: NDArray[np.float64]  # −log10 p by stream, of the last reading
    residual_survivors: NDArray[np.float32]
    residual_readings: NDArray[np.float64]
    novelty_survivors: NDArray[np.float32]
    novelty_readings: NDArray[np.float64]
    level_usual: NDArray[np.float64]  # long-run mean
    level_means: NDArray[np.float64]  # over the longer spans of `streams.level`
    level_distances: NDArray[np.float64]  # usual distance from the long-run mean, by span
    level_before: NDArray[np.float64]  # usual level and distance when the open anomaly opened
    level_survivors: NDArray[np.float32]
    level_readings: NDArray[np.float64]
    cross_axes: NDArray[np.float64]  # weight in each leading axis of the device
    cross_expected: NDArray[np.float64]  # what its device's other metrics suggested of the last value
    cross_survivors: NDArray[np.float32]
    cross_readings: NDArray[np.float64]
    season_means: NDArray[np.float32]  # by half-hour of the day
    season_distance: NDArray[np.float64]  # usual distance from the nearest of them
    season_seen: NDArray[np.int32]  # values held against them
    season_expected: NDArray[np.float64]  # the nearest of the last value
    season_survivors: NDArray[np.float32]
    season_readings: NDArray[np.float64]

    def __init__(self, tensors: list[StateTensor]) -> None:
        layout = {name: Column("i4") for name in ("device", "metric", "run")}
        layout |= {"observed": Column("i8"), "missing": Column("?", fill=True)}
        layout |= {name: Column("f8") for name in ("spread", "steps", "repeats")}
        layout |= {"low": Column("f8", fill=np.inf), "high": Column("f8", fill=-np.inf), "value": Column("f8", fill=np.nan)}
        layout |= {"quantiles": Column("f8", (len(HORIZONS), len(QUANTILE_LEVELS)), np.nan), "band": Column("f8", (3,), np.nan)}
        layout |= {"rarity": Column("f8", (len(STREAMS),))}
        layout |= level.columns() | cross.columns() | season.columns()
        for stream in (RESIDUAL, NOVELTY, LEVEL, CROSS, SEASON):
            layout |= _tail(stream, "novelty" if stream == NOVELTY else stream)
        self.tensors = [tensor.name for tensor in tensors]
        super().__init__(layout | {f"model/{tensor.name}": Column(tensor.dtype, (tensor.width,)) for tensor in tensors})

    def model_state(self, rows: NDArray[np.int64]) -> State:
        """The bundle's state of `rows`, gathered."""
        return {name: self.arrays[f"model/{name}"][rows] for name in self.tensors}

    def keep_model_state(self, rows: NDArray[np.int64], state: State) -> None:
        """Scatter the bundle's next state to `rows`."""
        for name in self.tensors:
            self.arrays[f"model/{name}"][rows] = state[name]
