"""A reading, and a batch of readings of one site: what producers send on the telemetry topic or by REST.

Does not judge a reading: time, order, duplicates, unknown profiles and metrics are admission's business
(`tidegate.core.detection.admission`). Decoding checks types, required fields and identifier lengths only.
"""

from dataclasses import dataclass

from tidegate.contracts.ids import DeviceField, GatewayField, MetricField, ProfileField, SiteField, TimeField, WholeField
from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Reading:
    """One device, one event time, named metric values.

    `event_time_ms` is Unix time in milliseconds by the device's clock. A metric that is null or absent is missing, not
    zero. `sequence`, when given, rises with each reading of the device and makes a repeat recognisable; without it,
    device and event time do. `gateway` and `epoch` say who served the device when it spoke.
    """

    site: SiteField
    device: DeviceField
    profile: ProfileField
    event_time_ms: TimeField
    metrics: dict[MetricField, float | None]
    gateway: GatewayField | None = None
    epoch: WholeField | None = None
    sequence: WholeField | None = None
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """1 to 10,000 readings of one site. A batch that mixes sites is refused whole: it would split over partitions."""

    site: SiteField
    readings: list[Reading]
    schema_version: int = SCHEMA_VERSION


MAX_BATCH_READINGS = 10_000
"""Readings. Bounds the memory one message can claim; a larger batch is refused with this number in the message."""
