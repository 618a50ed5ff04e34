"""Admission: which readings of a batch may be scored, as columns; the others with a reason from the closed list.

The only place that looks at readings one by one. A known, sound reading costs one dictionary look-up and a few appends;
everything else is checked in arrays, and only what looks wrong there is looked at again (`fault_of`, which decides).
Repeats and late readings are not found here but per round (`order_faults`): they depend on the device's earlier readings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.configuration import DetectionSettings
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import MetricName, is_clean
from tidegate.contracts.reading import Reading
from tidegate.core.detection.directory import Directory, Known
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.results import Rejection
from tidegate.core.detection.rounds import Intake
from tidegate.core.detection.state import NEVER, Devices
from tidegate.core.forecaster import Float64

LARGEST_VALUE: Final = 1e15
"""In any unit. Doubles count singly up to 9e15; beyond, differences between readings would be rounding."""

_INT64: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Window:
    """Event times believed at one tick, both ends included, in milliseconds."""

    earliest_ms: int
    latest_ms: int


def window_at(settings: DetectionSettings, tick_ms: int) -> Window:
    """The clock guard's window at `tick_ms`."""
    return Window(settings.clock.earliest_ms, tick_ms + int(1000 * settings.clock.max_ahead_seconds))


def fault_of(reading: Reading, metrics: Sequence[MetricName], window: Window) -> tuple[DeadLetterReason, str] | None:
    """Why `reading` of a device with these `metrics` cannot be scored, or null when nothing of itself forbids it."""
    if reading.event_time_ms > window.latest_ms:
        return (
            DeadLetterReason.CLOCK_AHEAD,
            f"event time {reading.event_time_ms} is after {window.latest_ms}, the latest believed",
        )
    if reading.event_time_ms < window.earliest_ms:
        text = f"event time {reading.event_time_ms} is before {window.earliest_ms}, the earliest believed"
        return DeadLetterReason.CLOCK_IMPLAUSIBLE, text
    if not any(name in reading.metrics for name in metrics):
        given = ", ".join(repr(name) for name in list(reading.metrics)[:5]) or "none"
        text = f"no metric of profile {reading.profile!r}: got {given}, expected some of {', '.join(metrics[:5])}"
        return DeadLetterReason.NO_KNOWN_METRIC, text
    for name in metrics:
        value = reading.metrics.get(name)
        if value is not None and not abs(value) <= LARGEST_VALUE:
            text = f"metric {name!r} is {_shown(value)}, expected a finite number within ±{LARGEST_VALUE:g}"
            return DeadLetterReason.VALUE_OUT_OF_BOUNDS, text
    return None


def _shown(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else f"a whole number of {len(f'{value:x}')} hexadecimal digits"


class Admission:
    """Admits batches; a new device gets its slot in the directory here, its state before the batch is scored."""

    def __init__(self, directory: Directory, profiles: Profiles, settings: DetectionSettings) -> None:
        self.directory = directory
        self.profiles = profiles
        self.settings = settings

    def admit(self, readings: Sequence[Reading], tick_ms: int) -> tuple[Intake, list[Rejection]]:
        """Columns of the readings that are sound of themselves, and rejections of the rest. Registers new devices."""
        window = window_at(self.settings, tick_ms)
        rejections: list[Rejection] = []
        taken: list[tuple[int, Reading, Known]] = []
        known_devices = self.directory.known
        for index, reading in enumerate(readings):
            known = known_devices.get((reading.site, reading.device))
            if known is None or known.profile != reading.profile:
                met = self._meet(reading, known, window)
                if not isinstance(met, Known):
                    rejections.append(Rejection(index, *met))
                    continue
                known = met
            taken.append((index, reading, known))
        return self._columns(taken, window, rejections), rejections

    def _meet(self, reading: Reading, known: Known | None, window: Window) -> Known | tuple[DeadLetterReason, str]:
        """Register a new device, or say why it (or a known device under another profile) cannot be taken."""
        found = self.profiles.at(reading.site, reading.profile)
        if not (is_clean(reading.site) and is_clean(reading.device)):
            text = (
                f"site {reading.site[:64]!r}, device {reading.device[:64]!r}: expected printable text without surrounding blanks"
            )
            return DeadLetterReason.BAD_IDENTIFIER, text
        if found is None:
            return DeadLetterReason.UNKNOWN_PROFILE, f"profile {reading.profile[:64]!r} is not configured"
        if known is not None:
            before = self.profiles.names[self.directory.profile_codes[known.slot]]
            text = f"device {reading.device!r} is of profile {before!r}, the reading says {reading.profile!r}"
            return DeadLetterReason.PROFILE_CHANGED, text
        code, profile = found
        metrics = tuple(profile.metrics)
        fault = fault_of(reading, metrics, window)
        if fault is not None:
            return fault
        if len(self.directory.devices) >= self.settings.max_devices:
            text = f"device {reading.device!r} would be one more than max_devices = {self.settings.max_devices}"
            return DeadLetterReason.TOO_MANY_DEVICES, text
        return self.directory.add_device(reading.site, reading.device, code, profile.name, metrics)

    def _columns(self, taken: list[tuple[int, Reading, Known]], window: Window, rejections: list[Rejection]) -> Intake:
        flat: list[float | None] = []
        for _, reading, known in taken:
            flat.extend(map(reading.metrics.get, known.metrics))
        width = np.array([len(known.metrics) for _, _, known in taken], dtype=np.int64)
        values = _doubles(flat)
        intake = Intake(
            index=np.array([index for index, _, _ in taken], dtype=np.int64),
            slot=np.array([known.slot for _, _, known in taken], dtype=np.int64),
            time_ms=_int64([reading.event_time_ms for _, reading, _ in taken]),
            sequence=_int64([NEVER if reading.sequence is None else reading.sequence for _, reading, _ in taken]),
            gateway=np.array([self._gateway(reading) for _, reading, _ in taken], dtype=np.int64),
            values=values,
            start=np.cumsum(width) - width,
            width=width,
        )
        return self._sound(intake, flat, taken, window, rejections)

    def _gateway(self, reading: Reading) -> int:
        """Code of the gateway the reading names; −1 when it names none we can or may learn."""
        name = reading.gateway
        if name is None:
            return -1
        code = self.directory.gateway_codes.get((reading.site, name))
        if code is not None:
            return code
        if not is_clean(name) or len(self.directory.gateways) >= self.settings.max_devices:
            return -1
        return self.directory.gateway(reading.site, name)

    def _sound(
        self,
        intake: Intake,
        flat: list[float | None],
        taken: list[tuple[int, Reading, Known]],
        window: Window,
        rejections: list[Rejection],
    ) -> Intake:
        """Look again at what looks wrong, and drop what is."""
        sound = np.ones(len(intake), dtype=bool)
        for position in np.flatnonzero(_suspicious(intake, flat, window)):
            index, reading, known = taken[position]
            fault = fault_of(reading, known.metrics, window)
            if fault is not None:
                sound[position] = False
                rejections.append(Rejection(index, *fault))
        return intake if sound.all() else intake.take(sound)


def _suspicious(intake: Intake, flat: list[float | None], window: Window) -> NDArray[np.bool_]:
    """Readings that may be at fault: a time outside the window, a value out of bounds, or no value at all."""
    suspicious = (intake.time_ms > window.latest_ms) | (intake.time_ms < window.earliest_ms)
    nothing = np.isnan(intake.values)
    wrong = np.abs(intake.values) > LARGEST_VALUE
    wrong[[place for place in np.flatnonzero(nothing) if flat[place] is not None]] = True
    if nothing.any() or wrong.any():
        owner = np.repeat(np.arange(len(intake)), intake.width)
        suspicious |= np.bincount(owner, weights=wrong, minlength=len(intake)) > 0
        suspicious |= np.bincount(owner, weights=~nothing, minlength=len(intake)) == 0
    return suspicious


def order_faults(devices: Devices, intake: Intake) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which readings of a round repeat an earlier one, and which come too late.

    A repeat has the event time of one of the last readings, or the last sequence. Older than all remembered times, a
    sequence not above the last makes it a repeat too: a producer that sends a whole batch again means no harm.
    """
    recent = devices.recent_ms[intake.slot]
    last_sequence = devices.last_sequence[intake.slot]
    numbered = intake.sequence != NEVER
    forgotten = intake.time_ms < recent.min(axis=1)
    repeat = (recent == intake.time_ms[:, None]).any(axis=1)
    repeat |= numbered & (intake.sequence == last_sequence)
    repeat |= numbered & (intake.sequence <= last_sequence) & forgotten
    return repeat, ~repeat & (intake.time_ms < devices.last_time_ms[intake.slot])


def _int64(numbers: list[int]) -> NDArray[np.int64]:
    """Whole numbers as int64; those beyond it are clipped, which keeps them on the wrong side of every bound."""
    try:
        return np.array(numbers, dtype=np.int64)
    except OverflowError:
        return np.array([min(max(number, -_INT64), _INT64) for number in numbers], dtype=np.int64)


def _doubles(numbers: list[float | None]) -> Float64:
    """Numbers as float64, NaN for null; whole numbers beyond a double become infinite."""
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        return np.array([_double(number) for number in numbers], dtype=np.float64)


def _double(number: float | None) -> float:
    try:
        return float("nan") if number is None else float(number)
    except OverflowError:
        return float("inf")
