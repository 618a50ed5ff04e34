"""A packed batch: readings of one site and one profile as columns in MessagePack, the compact form of a `ReadingBatch`.

Numbers travel as the bytes of little-endian arrays, so that decoding a batch is a few views of memory whatever its size.
Values are float32: 7 significant decimal digits, whole numbers to 16,777,216. Send what needs more, such as a meter's
total in watt-hours, in JSON.

This is what crosses the border; reading and writing it is `columns` and `packing`.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from tidegate.contracts.ids import DeviceField, GatewayField, MetricField, ProfileField, SiteField
from tidegate.contracts.reading import MAX_BATCH_READINGS
from tidegate.contracts.version import SCHEMA_VERSION

MAX_PACKED_METRICS: Final = 1000
"""Columns. The widest of the known data sets has 81; with the size of a message it bounds what a row can become."""

ABSENT: Final = -1
"""In `sequence`, `epoch` and `gateway_index`: this row has none."""

_TABLE = msgspec.Meta(max_length=MAX_BATCH_READINGS)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """1 to 10,000 readings of one site and one profile, a row each; a map in MessagePack, where bytes are of type bin.

    `event_time_ms` is an int64 per row and `values` a float32 per row and metric, row after row, NaN where a metric is
    missing: little-endian, nothing between them. `devices` names the device of each row; with `device_index` (uint32 per
    row, counted from 0) it is a table into which that points. `gateways` and `gateway_index` (int32 per row) say in the
    same way who served the device; `sequence` and `epoch` are int64 per row. These may be left out, and in them −1 says
    that a row has none.
    """

    site: SiteField
    profile: ProfileField
    metrics: Annotated[list[MetricField], msgspec.Meta(max_length=MAX_PACKED_METRICS)]
    devices: Annotated[list[DeviceField], _TABLE]
    event_time_ms: bytes
    values: bytes
    device_index: bytes | None = None
    sequence: bytes | None = None
    gateways: Annotated[list[GatewayField], _TABLE] | None = None
    gateway_index: bytes | None = None
    epoch: bytes | None = None
    schema_version: int = SCHEMA_VERSION
