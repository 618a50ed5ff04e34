"""Adding up by gateway, and looking up what is known by gateway. Whoever is `NOWHERE` counts for none, and finds nothing."""

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64


def totals(amount: Float64, gateway: Int64, gateways: int) -> Float64:
    """`amount` float64 [device, resource] summed by `gateway` int64 [device]: float64 [gateway, resource], of so many."""
    served, total = gateway != NOWHERE, np.zeros((gateways, amount.shape[1]))
    for column in range(amount.shape[1]):
        total[:, column] = np.bincount(gateway[served], weights=amount[served, column], minlength=gateways)
    return total


def there(mask: Bool, gateway: Int64) -> Bool:
    """`mask` bool [gateway, …] as it is where each device is, `gateway` int64 [device]; false for `NOWHERE`."""
    return np.asarray(np.append(mask, np.zeros((1, *mask.shape[1:]), np.bool_), axis=0)[gateway])
