"""Deterministic identities of facts: the same fact, made again after a crash, has the same id.

Does not draw random numbers and does not know what a fact means: the caller names its natural key.
"""

from hashlib import blake2b
from typing import Final

from tidegate.contracts.anomaly import IncidentCause
from tidegate.contracts.ids import AnomalyId, DeviceId, GatewayId, IncidentId, SiteId

ID_BYTES: Final = 10
"""Bytes of hash in an id (20 hex digits): a billion facts collide with probability 4e-7 (birthday bound)."""


def fact_id(prefix: str, *key: str | int) -> str:
    """Return `prefix` and a hash of the natural key; parts are length-prefixed, so no two keys spell the same text.

    >>> fact_id("an", "site", "pump-1", 3)
    'an-c00519621a9c7b179693'
    """
    hasher = blake2b(digest_size=ID_BYTES)
    for part in (prefix, *key):
        raw = str(part).encode("utf-8", "surrogatepass")
        hasher.update(len(raw).to_bytes(4, "big"))
        hasher.update(raw)
    return f"{prefix}-{hasher.hexdigest()}"


def anomaly_id(site: SiteId, device: DeviceId, opened_by: str, opened_at_ms: int) -> AnomalyId:
    """Identity of the anomaly of a device that a `reading` or its `silence` opened at that event time.

    Named by its opening and not counted, so that it is the same anomaly in whatever order readings arrived.
    """
    return AnomalyId(fact_id("an", site, device, opened_by, opened_at_ms))


def incident_id(site: SiteId, cause: IncidentCause, gateway: GatewayId | None, ordinal: int, opened_at_ms: int) -> IncidentId:
    """Identity of the `ordinal`-th incident of a site, with its cause, its gateway and when it opened."""
    return IncidentId(fact_id("in", site, cause.value, gateway or "", ordinal, opened_at_ms))
