"""The fleet in motion: slot after slot, the readings due in it and the labels of the faults that begin. Knows no clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import Assignment
from tidegate.contracts.reading import Reading
from tidegate.fleet.simulator.faults import Fault, FaultType, Label, disturb
from tidegate.fleet.simulator.layout import Layout
from tidegate.fleet.simulator.signals import Signals
from tidegate.fleet.simulator.spec import SLOTS, FleetSpec

DECIMALS = 4
"""Digits after the point a device sends; below any noise here, so that no sensor looks stuck by rounding."""

UNSERVED = -1
"""Index of no gateway."""


@dataclass(frozen=True)
class Slot:
    """A quarter of an interval: the readings that were sent in it, and the labels of faults that began."""

    moment_ms: int
    readings: list[Reading]
    labels: list[Label]


class Fleet:
    """State of a simulated fleet. `step` moves it on; `follow` tells devices who serves them."""

    def __init__(self, spec: FleetSpec, layout: Layout, faults: Iterator[Fault]) -> None:
        self._spec, self._layout, self._faults = spec, layout, faults
        random = np.random.default_rng([spec.seed, 0])
        self._signals = Signals(layout.classes, spec.day_seconds, random)
        self._random = random
        self._last = np.full(self._signals.scale.shape, np.nan)
        self._gateway = layout.home.copy()
        self._epoch: list[int | None] = [None] * len(layout.devices)
        self._device_index = {name: index for index, name in enumerate(layout.devices)}
        self._gateway_index = {name: index for index, name in enumerate(layout.gateways)}
        self._active: list[Fault] = []
        self._next = next(faults, None)
        self._fault_count = 0
        self._steps = 0

    @property
    def layout(self) -> Layout:
        """Who there is."""
        return self._layout

    @property
    def active(self) -> Sequence[Fault]:
        """Faults that hold in the slot made last."""
        return self._active

    def follow(self, assignments: Sequence[Assignment]) -> None:
        """Let devices speak through the gateways they are assigned to; those assigned to none fall silent. Unknown names pass."""
        for assignment in assignments:
            device = self._device_index.get(assignment.device)
            if device is not None:
                self._gateway[device] = self._index_of(assignment.gateway)
                self._epoch[device] = assignment.epoch

    def slots(self, end_ms: int | None = None) -> Iterator[Slot]:
        """Yield slots from the specification's start on, up to `end_ms` (exclusive) or without end."""
        while end_ms is None or self.next_moment_ms < end_ms:
            yield self.step()

    @property
    def next_moment_ms(self) -> int:
        """When the next slot is due."""
        return self._spec.start_ms + self._steps * self._spec.slot_ms

    def step(self) -> Slot:
        """Make the next slot, by the assignments known now."""
        moment_ms = self.next_moment_ms
        labels = self._begin_and_end_faults(moment_ms)
        rows = np.arange(self._steps % SLOTS, len(self._layout.devices), SLOTS)
        self._steps += 1
        values = self._values(rows, moment_ms)
        speaking = self._speaking(rows)
        times = self._device_times(rows, moment_ms)
        return Slot(moment_ms, [self._reading(rows[i], times[i], values[i]) for i in np.flatnonzero(speaking)], labels)

    def _begin_and_end_faults(self, moment_ms: int) -> list[Label]:
        self._active = [fault for fault in self._active if moment_ms < fault.end_ms]
        labels = []
        while self._next is not None and self._next.start_ms <= moment_ms:
            self._active.append(self._next)
            labels.append(self._label(self._next))
            self._next = next(self._faults, None)
        return labels

    def _values(self, rows: NDArray[np.intp], moment_ms: int) -> NDArray[np.float64]:
        load = self._signals.load(rows, moment_ms)
        for fault in self._active:
            if fault.type is FaultType.DEMAND_SURGE:
                load = np.where(self._layout.site_of[rows] == fault.site, load * fault.magnitude, load)
        values = self._signals.values(rows, load)
        missing = self._random.random(values.shape) < self._spec.missing_ratio
        for fault in self._active:
            self._disturb(fault, rows, moment_ms, values)
        values[missing] = np.nan
        values = np.round(values, DECIMALS)
        self._last[rows] = np.where(np.isnan(values), self._last[rows], values)
        return values

    def _disturb(self, fault: Fault, rows: NDArray[np.intp], moment_ms: int, values: NDArray[np.float64]) -> None:
        for row in np.flatnonzero(rows == fault.device) if fault.metric >= 0 else ():
            scale = float(self._signals.scale[fault.device, fault.metric])
            disturb(fault, int(row), moment_ms, values, self._last[fault.device], scale)

    def _speaking(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        dead = [fault.gateway for fault in self._active if fault.type is FaultType.GATEWAY_OUTAGE]
        served: NDArray[np.bool_] = self._gateway[rows] != UNSERVED
        return served & ~np.isin(self._gateway[rows], dead)

    def _device_times(self, rows: NDArray[np.intp], moment_ms: int) -> NDArray[np.int64]:
        times = np.full(len(rows), moment_ms, np.int64)
        for fault in self._active:
            if fault.type is FaultType.CLOCK_JUMP:
                times[rows == fault.device] += round(fault.magnitude * 1000)
        return times

    def _reading(self, device: int, event_time_ms: int, values: NDArray[np.float64]) -> Reading:
        known = self._layout.classes[device]
        gateway = self._layout.gateways[self._gateway[device]]
        sent = {
            signal.metric: None if np.isnan(value) else float(value) for signal, value in zip(known.signals, values, strict=False)
        }
        site = self._layout.sites[self._layout.site_of[device]]
        name = self._layout.devices[device]
        return Reading(site, name, known.profile, int(event_time_ms), sent, gateway, self._epoch[device])

    def _index_of(self, gateway: GatewayId | None) -> int:
        return UNSERVED if gateway is None else self._gateway_index.get(gateway, UNSERVED)

    def _label(self, fault: Fault) -> Label:
        self._fault_count += 1
        return Label(
            id=f"fault-{self._fault_count:05d}",
            type=fault.type,
            site=self._layout.sites[fault.site],
            gateway=self._layout.gateways[fault.gateway] if fault.gateway >= 0 else None,
            devices=self._touched(fault),
            metrics=[self._layout.classes[fault.device].signals[fault.metric].metric] if fault.metric >= 0 else [],
            start_ms=fault.start_ms,
            end_ms=fault.end_ms,
            magnitude=fault.magnitude,
        )

    def _touched(self, fault: Fault) -> list[DeviceId]:
        if fault.device >= 0:
            return [self._layout.devices[fault.device]]
        if fault.gateway >= 0:
            return [self._layout.devices[index] for index in np.flatnonzero(self._gateway == fault.gateway)]
        return [self._layout.devices[index] for index in np.flatnonzero(self._layout.site_of == fault.site)]
