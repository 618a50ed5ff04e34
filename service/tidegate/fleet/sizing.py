"""How large a made-up gateway is: as large as its share of the fleet's demand, with stated headroom."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import MetricName
from tidegate.contracts.profile import DemandMapping, Profile
from tidegate.contracts.resources import DEVICES, Resources

PEAK_QUANTILE = 0.95
"""Of a device's demand over time; the size of a device for sizing. A maximum would size a gateway for one sample."""

HEADROOM = 1.3
"""Capacity over the summed peaks. The fleet then fits on 77 % of its gateways: of five, one may fail; of three, none."""


def demand_series(profile: Profile, metrics: Sequence[MetricName], values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Demand float64 [T] per resource of `values` float64 [T, M], by the profile's mapping; a missing metric counts as 0."""
    columns = {name: np.nan_to_num(values[:, index]) for index, name in enumerate(metrics)}
    return {resource: _demand(mapping, columns, len(values)) for resource, mapping in profile.demand.items()}


def peak_demand(profile: Profile, metrics: Sequence[MetricName], values: NDArray[np.float64]) -> Resources:
    """The `PEAK_QUANTILE` of each resource's demand over `values` float64 [T, M]; zero for no rows."""
    series = demand_series(profile, metrics, values)
    return {resource: float(np.quantile(demand, PEAK_QUANTILE)) if len(demand) else 0.0 for resource, demand in series.items()}


def even_capacity(peaks: Sequence[Resources], gateways: int, headroom: float = HEADROOM) -> Resources:
    """The capacity of each of `gateways` equal gateways for devices of these peaks.

    Per resource `headroom` × the summed peaks ÷ `gateways`, but never less than `headroom` × the largest device, which
    would otherwise fit nowhere. Counts devices likewise.
    """
    resources = sorted({name for peak in peaks for name in peak})
    capacity = {name: _share([peak.get(name, 0.0) for peak in peaks], gateways, headroom) for name in resources}
    return {**capacity, DEVICES: float(math.ceil(headroom * len(peaks) / gateways))}


def _share(amounts: list[float], gateways: int, headroom: float) -> float:
    return headroom * max(sum(amounts) / gateways, *amounts)


def _demand(mapping: DemandMapping, columns: Mapping[MetricName, NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    total = np.full(rows, mapping.constant)
    for term in mapping.terms:
        total = total + term.scale * columns.get(term.metric, np.zeros(rows))
    demand: NDArray[np.float64] = np.maximum(total, 0.0)
    return demand
