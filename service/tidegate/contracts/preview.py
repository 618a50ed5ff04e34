"""What a change of a site's profiles would have done to the readings that the log still keeps."""

from dataclasses import dataclass, field

from tidegate.contracts.configuration_views import ProfilesDiff
from tidegate.contracts.ids import AnomalyId, DeviceId, ProfileName, SiteId

MOST_LISTED = 500
"""Anomalies of each kind that an answer names; all are counted."""


@dataclass(frozen=True, slots=True)
class PreviewAnomaly:
    """One anomaly of one of the two runs, in short. `closed_at_ms` is null where it was still open at the end."""

    id: AnomalyId
    device: DeviceId
    profile: ProfileName
    opened_at_ms: int
    closed_at_ms: int | None
    severity: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class ProfilesPreview:
    """The same readings under the profiles in force and under the proposed ones.

    They reach from `from_ms` to `to_ms` (ticks): no further back than the log still has them, which is what two snapshots have
    not made superfluous; `complete` is false where a bound cut the end off. Anomalies that overlap in time at the same device
    are the same; `vanish` and `appear` name at most 500 each. Rates are opened anomalies per device and day of `device_days`.
    """

    site: SiteId
    from_ms: int
    to_ms: int
    complete: bool
    reach: str
    readings: int
    device_days: float
    before: int
    after: int
    vanishing: int
    appearing: int
    before_per_device_day: float
    after_per_device_day: float
    diff: ProfilesDiff
    vanish: list[PreviewAnomaly] = field(default_factory=list)
    appear: list[PreviewAnomaly] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
