"""TON_IoT device telemetry: seven device types, one CSV file and so one device each, with a byte order mark and padded texts.

The set leaks, and this reader takes care that no leak reaches a metric. Times are read for order only and are no metric: normal
and attack days do not overlap. Texts are stripped: `temp_condition` has trailing blanks only on normal rows. `sphone_signal` is
`false/true` on normal rows and `0/1` under attack; both become 0 and 1. Latitude runs to 549 in the file and is kept: it is what
the simulated device said. Rows come in blocks out of order, many in one second: see `times`. Source: Alsaedi et al., 2020.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.fleet.readers import times
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.readers.tables import Table, read_csv
from tidegate.fleet.series import Series

NUMBER: Mapping[str, float] = {}
"""Marks a column of numbers; any other mapping gives the texts of a column and what they become."""

SWITCH = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "off": 0.0, "on": 1.0}
"""Texts of a two-state column, in any of the ways the files write it."""


@dataclass(frozen=True)
class DeviceType:
    """One of the seven: its profile and its columns, each with the meaning of its texts."""

    name: str
    columns: Mapping[str, Mapping[str, float]]


DEVICE_TYPES = (
    DeviceType("fridge", {"fridge_temperature": NUMBER, "temp_condition": {"low": 0.0, "high": 1.0}}),
    DeviceType("gps-tracker", {"latitude": NUMBER, "longitude": NUMBER}),
    DeviceType("garage-door", {"door_state": {"closed": 0.0, "open": 1.0}, "sphone_signal": SWITCH}),
    DeviceType(
        "modbus",
        {
            "FC1_Read_Input_Register": NUMBER,
            "FC2_Read_Discrete_Value": NUMBER,
            "FC3_Read_Holding_Register": NUMBER,
            "FC4_Read_Coil": NUMBER,
        },
    ),
    DeviceType("motion-light", {"motion_status": NUMBER, "light_status": SWITCH}),
    DeviceType("thermostat", {"current_temperature": NUMBER, "thermostat_status": NUMBER}),
    DeviceType("weather", {"temperature": NUMBER, "pressure": NUMBER, "humidity": NUMBER}),
)
"""The device types by the columns that only they have."""

COMMON = {"date", "time", "label", "type"}
"""Columns of every file; `ts` (seconds) is absent from the weather station's."""

TEXT_LAG_MS = 7 * 3_600_000
"""Milliseconds by which `date` and `time` are behind `ts` in every file that has both; added where only the texts are given."""


def recognises(shape: Shape) -> bool:
    """True for a CSV file with the common columns and those of one device type."""
    return shape.suffix == ".csv" and set(shape.columns) >= COMMON and _device_type(shape.columns) is not None


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `ton-iot-<device type>-<file name>`. It has no training part of its own.

    Raises:
        InputError: malformed; names file and row.
    """
    table = read_csv(path)
    device_type = _device_type(tuple(table.columns)) or DEVICE_TYPES[0]
    rows, event_time_ms = times.order(_times(table))
    names, codes = np.unique(np.array(table.text("type"), dtype=np.str_), return_inverse=True)
    yield Series(
        dataset="ton-iot",
        device=DeviceId(f"ton-iot-{path.stem}"),
        profile=ProfileName(f"ton-iot-{device_type.name}"),
        interval_seconds=times.median_interval_seconds(np.unique(event_time_ms // 1000) * 1000, 5.0),
        event_time_ms=event_time_ms,
        metrics=tuple(MetricName(column.lower()) for column in device_type.columns),
        values=np.column_stack([_column(table, name, meaning) for name, meaning in device_type.columns.items()])[rows],
        labels=table.codes("label", {"0": 0.0, "1": 1.0})[rows] > 0,
        classes=codes.astype(np.int16)[rows],
        class_names=tuple(str(name) for name in names),
    )


def _device_type(columns: tuple[str, ...]) -> DeviceType | None:
    return next((known for known in DEVICE_TYPES if set(known.columns) <= set(columns)), None)


def _column(table: Table, name: str, meaning: Mapping[str, float]) -> NDArray[np.float64]:
    return table.codes(name, meaning) if meaning else table.numbers(name)


def _times(table: Table) -> NDArray[np.int64]:
    if "ts" in table.columns:
        return times.from_seconds(table.numbers("ts"), table.path)
    texts = [f"{date} {time}" for date, time in zip(table.text("date"), table.text("time"), strict=True)]
    return times.from_text(texts, "%d-%b-%y %H:%M:%S", table.path) + TEXT_LAG_MS


READER = Reader("ton-iot", recognises, read)
