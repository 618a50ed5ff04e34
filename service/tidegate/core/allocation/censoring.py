"""Censored samples: use that was bounded by what its device was given is not its demand but a lower bound of it.

Planned from as if it were demand, it makes a starved device look modest, and keeps it starved. So a device with censored samples
asks at least what it asked before they were. Nothing here guesses how much more it may want.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.by_gateway import there, totals
from tidegate.core.allocation.frame import Frame
from tidegate.core.allocation.granted import Granted
from tidegate.core.allocation.ground import Heard

T = TypeVar("T", np.float64, np.int64, np.int8, np.bool_)
Name = TypeVar("Name", bound=str)

TOLERANCE: Final = 0.01
"""Share of a bound by which a sample may miss it and still be at it. Quotas hold by period, 100 ms for Linux's CPU bandwidth
control: an interval of ten seconds may miss by one of them, a hundredth, longer ones by less."""

RELEASED_AFTER: Final = 3
"""Samples in a row that are at no bound after which nothing is held any more: one may be so by chance, as the samples of a
gateway are not of one moment, and a forecast takes some to follow a device that was let go (our choice)."""

_SUSPECTED: Final = 1
_SURE: Final = 1 + RELEASED_AFTER
"""How sure it is that something bounds a device: suspected at one sample, sure at two in a row, as a load passes any bound on its
way past it; one less for each sample at none, and what was only suspected is then over."""

_ONLY: Final = np.zeros(1, np.int64)
"""The one column of what has no resource."""

_NEVER: Final = -1
"""A time before every sample, and an epoch before every epoch."""


@dataclass(frozen=True, slots=True)
class Censoring:
    """What is known of the latest samples of a site's devices. Rows and columns follow the site's frame.

    `held` float64 [device, resource] is what a device asked before its samples came to a bound, NaN where nothing is held;
    `sure` int8, same shape, how sure that is. `sampled_ms` int64 [device] is the event time of the last sample judged, `epoch`
    int64 [device] that of the assignment when it was judged, or of none where the grant was renewed since. `lax` bool [gateway,
    resource]: a device once used more than its grant there, so that grants bound nobody there.
    """

    held: Float64
    sure: NDArray[np.int8]
    sampled_ms: Int64
    epoch: Int64
    lax: Bool

    @property
    def censored(self) -> Bool:
        """Where the latest sample is a lower bound of demand, bool [device, resource]."""
        return np.asarray(self.sure == _SURE)

    def unsettled(self, rows: Int64) -> "Censoring":
        """The same, with the next sample of the devices `rows` taken for one that may be from before their grant."""
        epoch = self.epoch.copy()
        epoch[rows] = _NEVER
        return replace(self, epoch=epoch)

    def claims(self, demand: Float64) -> Float64:
        """What the devices ask, float64 [device, resource]: `demand`, or what is held where that is more."""
        return np.asarray(np.fmax(self.held, demand))

    def named(self, frame: Frame) -> dict[DeviceId, list[str]]:
        """The resources of which a device's latest sample is censored, by device; devices of none are left out."""
        found: dict[DeviceId, list[str]] = {}
        for row, column in np.argwhere(self.censored).tolist():
            found.setdefault(frame.devices[row], []).append(frame.resources[column])
        return found

    def counted(self, frame: Frame) -> dict[str, int]:
        """How many devices' latest samples are censored, by resource; resources of none are left out."""
        counts = zip(frame.resources, self.censored.sum(axis=0).tolist(), strict=True)
        return {name: count for name, count in counts if count}


def nothing_censored(frame: Frame) -> Censoring:
    """Before any sample."""
    devices, shape = len(frame.devices), (len(frame.devices), len(frame.resources))
    never = np.full(devices, _NEVER, np.int64)
    return Censoring(np.full(shape, np.nan), np.zeros(shape, np.int8), never, never, np.zeros_like(frame.capacity, np.bool_))


def judged(before: Censoring, heard: Heard, granted: Granted, capacity: Float64, asked: Float64) -> Censoring:
    """Judge the samples of `heard` that are new since `before`; `asked` float64 [device, resource] are the last claims.

    A new sample is at a bound if it is at its grant, which is less than the device asks, at a gateway where grants are kept to;
    or if its gateway's devices together use just what that has, or if nobody serves its device and it uses nothing. The second
    in a row is censored; what its device asks is held from the first.
    Grants of nothing and resources without a limit bound nothing; without a reading nothing is censored, and nothing held.
    """
    fresh = (heard.sampled_ms != before.sampled_ms)[:, None] & heard.measured
    settled = fresh & (granted.epoch == before.epoch)[:, None]  # the first sample may be from before the grant
    lax = before.lax | _exceeded(heard, granted, settled, len(capacity))
    by_grant = ~there(lax, granted.gateway) & _at_grant(heard, granted, np.maximum(asked, heard.demand))
    bounded = by_grant | _at_gateway(heard, granted, capacity)
    sure = np.where(heard.measured, np.where(fresh, _surer(before.sure, bounded), before.sure), 0).astype(np.int8)
    held = np.where(sure > 0, np.where(before.sure > 0, before.held, asked), np.nan)
    epoch = np.where(heard.sampled_ms != before.sampled_ms, granted.epoch, before.epoch)
    return Censoring(held, sure, heard.sampled_ms, epoch, lax)


def _surer(sure: NDArray[np.int8], bounded: Bool) -> NDArray[np.int64]:
    """How sure it is after a sample that was `bounded`, or not."""
    less = np.where(sure - 1 > _SUSPECTED, sure - 1, 0)
    return np.where(bounded, np.where(sure > 0, _SURE, _SUSPECTED), less)


def carried_over(censoring: Censoring, before: Frame, after: Frame) -> Censoring:
    """`censoring` of `before` in the rows and columns of `after`; of what is new there nothing is known."""
    rows = _places(before.device_index, after.devices)
    gateways = _places(before.gateway_index, after.gateways)
    columns = _places({name: column for column, name in enumerate(before.resources)}, after.resources)
    blank = nothing_censored(after)
    return Censoring(
        held=_picked(censoring.held, rows, columns, blank.held),
        sure=_picked(censoring.sure, rows, columns, blank.sure),
        sampled_ms=_picked(censoring.sampled_ms[:, None], rows, _ONLY, blank.sampled_ms[:, None])[:, 0],
        epoch=_picked(censoring.epoch[:, None], rows, _ONLY, blank.epoch[:, None])[:, 0],
        lax=_picked(censoring.lax, gateways, columns, blank.lax),
    )


def _places(index: Mapping[Name, int], names: Iterable[Name]) -> Int64:
    return np.array([index.get(name, NOWHERE) for name in names], np.int64)


def _picked(table: NDArray[T], rows: Int64, columns: Int64, blank: NDArray[T]) -> NDArray[T]:
    """The `rows` and `columns` of `table`, and what is `blank` where there is no such."""
    known = (rows != NOWHERE)[:, None] & (columns != NOWHERE)
    return np.where(known, table[np.ix_(rows, columns)], blank) if known.any() else blank


def _exceeded(heard: Heard, granted: Granted, settled: Bool, gateways: int) -> Bool:
    """Where a `settled` sample is of more than a device's grant, bool [gateway, resource]."""
    over = settled & (granted.amount > 0) & (heard.used > granted.amount * (1.0 + TOLERANCE))
    found = np.zeros((gateways + 1, over.shape[1]), np.bool_)
    np.logical_or.at(found, granted.gateway, over)  # of nobody's gateway in the last row
    return found[:gateways]


def _at_grant(heard: Heard, granted: Granted, claim: Float64) -> Bool:
    """Where a sample is at a grant that is less than the `claim`."""
    amount = granted.amount
    short = (amount > 0) & (claim > amount * (1.0 + TOLERANCE))
    return np.asarray(short & (np.abs(heard.used - amount) <= TOLERANCE * amount))


def _at_gateway(heard: Heard, granted: Granted, capacity: Float64) -> Bool:
    """Where a sample was taken at a gateway that was full, or at none and of nothing.

    All of a full gateway's, since we do not know how it shares out what it has. One whose devices use more than it has is not
    held to that, and bounds nobody.
    """
    miss = np.abs(totals(heard.used, granted.gateway, len(capacity)) - np.where(np.isfinite(capacity), capacity, 0.0))
    full = np.isfinite(capacity) & (miss <= TOLERANCE * capacity)
    nowhere = granted.gateway == NOWHERE
    return np.asarray(there(full, granted.gateway) | (nowhere[:, None] & (heard.used <= 0)))
