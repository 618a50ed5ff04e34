"""The question why, about a time that is over: what was recorded then, and what was in force."""

from typing import Final

from tidegate.api.errors import NotFoundError
from tidegate.contracts.annotation import NOTHING_SAID, AnomalyFilter, AnomalyView, anomaly_view
from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.paging import PageRequest
from tidegate.contracts.rest import PastExplanation
from tidegate.core.detection.recorded import explained
from tidegate.ports import Views

RECENT: Final = PageRequest(20)
"""Anomalies of a device that are looked through for those in force: one is open at a time, and the newest opened last."""


async def explained_then(views: Views, site: SiteId, device: DeviceId, at_ms: int) -> PastExplanation:
    """The recorded explanation of a device at or last before event time `at_ms`, with what was in force at `at_ms`.

    Raises:
        NotFoundError: nothing is recorded so far back, or of such a device at all.
    """
    sample = await views.sample_at(site, device, at_ms)
    if sample is None:
        raise NotFoundError(
            f"there is no score of device {device!r} at site {site!r} recorded at or before {at_ms}",
            advice="scores are recorded every detection.score_every_seconds of event time and kept for history.retention's time",
        )
    then = explained(sample)
    windows = [
        view for view in await views.maintenance(site) if view.in_force(at_ms) and view.window.covers(device, then.device.gateway)
    ]
    return PastExplanation(
        **{name: getattr(then, name) for name in then.__dataclass_fields__},
        at_ms=at_ms,
        recorded_at_ms=sample.recorded_at_ms,
        distance_ms=at_ms - sample.event_time_ms,
        anomalies=await _in_force(views, site, device, at_ms),
        windows=windows,
    )


async def _in_force(views: Views, site: SiteId, device: DeviceId, at_ms: int) -> list[AnomalyView]:
    opened = await views.anomalies(RECENT, AnomalyFilter(site=site, device=device, until_ms=at_ms + 1))
    facts = [
        fact
        for fact in opened.items
        if fact.status is not AnomalyStatus.RETRACTED and (fact.closed_at_ms is None or fact.closed_at_ms > at_ms)
    ]
    said = await views.annotations([fact.id for fact in facts])
    return [anomaly_view(fact, said.get(fact.id, NOTHING_SAID)) for fact in facts]
