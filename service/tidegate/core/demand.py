"""Demand: what each device needs of its gateway, now and over the next intervals, from readings and their forecasts.

A profile's mapping says which metrics make which resource. Terms are summed quantile by quantile: right when a device's
metrics rise together, too much when they do not (joint scenarios replace it later). Demand is never negative.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS, Forecast, ResourceForecast
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.profile import DemandMapping
from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.detection.results import DemandGroup, DemandRows

_LEVELS: Final = np.array(QUANTILE_LEVELS)


@dataclass(frozen=True, slots=True)
class SiteDemand:
    """Demand of a site's devices; rows follow `devices`, columns `resources` (sorted).

    `now` and `grant_request` float64 [device, resource], `quantiles` float64 [device, resource, horizon, level], in the
    resource's unit and at least 0; NaN where the device's profile maps no such resource. `now` falls back to the mapping's
    constant until a reading came, `quantiles` to `now` until a forecast came, `grant_request` follows the quantiles. `sample`,
    shaped as `now`, is that where a reading says it, NaN elsewhere.
    """

    site: SiteId
    devices: list[DeviceId]
    profiles: list[ProfileName]
    event_time_ms: Int64
    resources: list[str]
    now: Float64
    quantiles: Float64
    grant_request: Float64
    sample: Float64


class DemandSource(Protocol):
    """Whoever holds the devices' latest values and forecasts: detection."""

    def demand_rows(self, site: SiteId) -> DemandRows:
        """All devices of `site`, a group per profile."""
        ...


def site_demand(rows: DemandRows, configuration: CoreConfiguration) -> SiteDemand:
    """Demand of every device in `rows`; empty for an empty site. A profile the configuration no longer has demands nothing."""
    profiles = configuration.profiles_of(rows.site)
    mappings = [dict(profiles[group.profile].demand) if group.profile in profiles else {} for group in rows.groups]
    resources = sorted({name for mapping in mappings for name in mapping})
    devices = [device for group in rows.groups for device in group.devices]
    shape = (len(devices), len(resources))
    now, quantiles = np.full(shape, np.nan), np.full((*shape, len(HORIZONS), len(_LEVELS)), np.nan)
    sample = now.copy()
    start = 0
    for group, mapping in zip(rows.groups, mappings, strict=True):
        end = start + len(group.devices)
        for resource, terms in mapping.items():
            column = resources.index(resource)
            now[start:end, column], quantiles[start:end, column], sample[start:end, column] = _mapped(group, terms)
        start = end
    return SiteDemand(
        site=rows.site,
        devices=devices,
        profiles=[group.profile for group in rows.groups for _ in group.devices],
        event_time_ms=np.concatenate([group.event_time_ms for group in rows.groups] or [np.empty(0, np.int64)]),
        resources=resources,
        now=now,
        quantiles=quantiles,
        grant_request=_grant_request(quantiles, configuration.allocation),
        sample=sample,
    )


def device_forecasts(
    source: DemandSource, due: Sequence[tuple[SiteId, DeviceId]], configuration: CoreConfiguration
) -> list[Forecast]:
    """Forecast facts of the devices that are `due`, in that order; a device that `source` does not know is left out."""
    wanted: dict[SiteId, set[DeviceId]] = {}
    for site, device in due:
        wanted.setdefault(site, set()).add(device)
    demands = {site: site_demand(_only(source.demand_rows(site), devices), configuration) for site, devices in wanted.items()}
    rows = {site: {device: row for row, device in enumerate(demand.devices)} for site, demand in demands.items()}
    return [forecast_of(demands[site], rows[site][device]) for site, device in due if device in rows[site]]


def forecast_of(demand: SiteDemand, row: int) -> Forecast:
    """The forecast fact of one row: the resources its profile maps, and what the planner may rely on."""
    mapped = [column for column in range(len(demand.resources)) if np.isfinite(demand.now[row, column])]
    return Forecast(
        site=demand.site,
        device=demand.devices[row],
        profile=demand.profiles[row],
        event_time_ms=int(demand.event_time_ms[row]),
        horizons=list(HORIZONS),
        quantile_levels=list(QUANTILE_LEVELS),
        resources=[
            ResourceForecast(demand.resources[column], float(demand.now[row, column]), demand.quantiles[row, column].tolist())
            for column in mapped
        ],
        grant_request={demand.resources[column]: float(demand.grant_request[row, column]) for column in mapped},
    )


def _only(rows: DemandRows, devices: Set[DeviceId]) -> DemandRows:
    """`rows` without the devices that are not in `devices`."""
    groups = []
    for group in rows.groups:
        kept = [index for index, device in enumerate(group.devices) if device in devices]
        if kept:
            names = [group.devices[index] for index in kept]
            times, values, quantiles = group.event_time_ms[kept], group.values[kept], group.quantiles[kept]
            groups.append(DemandGroup(group.profile, group.metrics, names, times, values, quantiles))
    return DemandRows(rows.site, groups)


def _mapped(group: DemandGroup, mapping: DemandMapping) -> tuple[Float64, Float64, Float64]:
    """One resource of one group: `now` [device], `quantiles` [device, horizon, level], both at least 0, and `sample`."""
    count = len(group.devices)
    now = np.full(count, mapping.constant)
    quantiles = np.full((count, len(HORIZONS), len(_LEVELS)), mapping.constant)
    for term in mapping.terms:
        values, forecasts = _metric(group, term.metric)
        with np.errstate(over="ignore", invalid="ignore"):  # hostile values overflow to infinity and fall back below
            now += term.scale * values
            # The q-quantile of a falling function of a metric is that function of its (1 − q)-quantile; levels are symmetric.
            quantiles += term.scale * (forecasts if term.scale >= 0 else forecasts[:, :, ::-1])
    sample = np.where(np.isfinite(now), np.maximum(now, 0.0), np.nan) if mapping.terms else np.full(count, np.nan)
    now = np.where(np.isfinite(now), now, mapping.constant)
    complete = np.isfinite(quantiles).all(axis=(1, 2), keepdims=True)
    quantiles = np.where(complete, quantiles, now[:, None, None])
    return np.maximum(now, 0.0), np.maximum(quantiles, 0.0), sample


def _metric(group: DemandGroup, metric: MetricName) -> tuple[Float64, Float64]:
    """Latest values [device] and quantiles [device, horizon, level] of `metric`; NaN throughout when the group lacks it."""
    if metric not in group.metrics:
        count = len(group.devices)
        return np.full(count, np.nan), np.full((count, len(HORIZONS), len(_LEVELS)), np.nan)
    column = group.metrics.index(metric)
    return group.values[:, column], group.quantiles[:, column]


def _grant_request(quantiles: Float64, settings: AllocationSettings) -> Float64:
    """The settings' quantile at the settings' horizon, float64 [device, resource].

    The horizon is the first forecast one that is not shorter; between levels the quantile is interpolated linearly.
    """
    horizon = next((index for index, intervals in enumerate(HORIZONS) if intervals >= settings.forecast_horizon), -1)
    position = float(np.interp(settings.grant_quantile, _LEVELS, np.arange(len(_LEVELS))))
    low, high = int(np.floor(position)), int(np.ceil(position))
    share = position - low
    return np.asarray((1.0 - share) * quantiles[:, :, horizon, low] + share * quantiles[:, :, horizon, high])
