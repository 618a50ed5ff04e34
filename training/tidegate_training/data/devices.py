"""Whole devices of one profile as training sees them: all metrics side by side on one grid, from data sets or own telemetry."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.contracts.codec import decode
from tidegate.contracts.profile import Profile
from tidegate.contracts.reading import Reading
from tidegate.errors import InputError
from tidegate.fleet.readers import iter_dataset
from tidegate.fleet.series import Series as Recording
from tidegate_training.data.series import DeviceSeries, on_grid

JSON_LINES: Final = (".jsonl", ".ndjson")
"""Files of readings as they are sent by REST, one JSON object a line (`tidegate simulate --to fleet.jsonl` writes such)."""


def read_devices(paths: Sequence[Path], profile: Profile) -> list[DeviceSeries]:
    """Return the devices of `profile` in `paths`, data sets or files of JSON lines, each cut to what training may see.

    A recording with a training part gives only that. Metrics that it lacks are missing throughout.

    Raises:
        InputError: no device there is of the profile, or a file is malformed.
        DependencyError: parquet files are there and the parquet extra is not installed.
    """
    found, others = [], set()
    for path in paths:
        for device in _devices_in(path, profile) if path.suffix in JSON_LINES else _recorded_in(path, profile):
            if isinstance(device, DeviceSeries):
                found.append(device)
            else:
                others.add(device)
    if not found:
        there = ", ".join(sorted(others)) or "none"
        raise InputError(
            f"no device of profile {profile.name!r} in {', '.join(map(str, paths))}; profiles there: {there}"[:400],
            advice="give the data of such devices",
        )
    return found


def device_series(recording: Recording, metrics: Sequence[str]) -> DeviceSeries:
    """Return `recording` on one grid, with the columns `metrics`; NaN throughout where it lacks one."""
    columns = [
        recording.values[:, recording.metrics.index(name)] if name in recording.metrics else np.full(len(recording), np.nan)
        for name in map(str, metrics)
    ]
    values, interval, start = on_grid(recording.event_time_ms / 1000.0, np.stack(columns, axis=1))
    return DeviceSeries(
        recording.dataset, recording.device, recording.profile, values, interval, start, metrics=tuple(map(str, metrics))
    )


def _recorded_in(path: Path, profile: Profile) -> Iterator[DeviceSeries | str]:
    """Yield the devices of `profile`, and the names of other profiles."""
    for recording in iter_dataset(path):
        if recording.profile != profile.name:
            yield recording.profile
        else:
            yield device_series(recording.part("train") if recording.train_rows else recording, list(profile.metrics))


def _devices_in(path: Path, profile: Profile) -> Iterator[DeviceSeries | str]:
    """The same of a file of JSON lines."""
    readings = list(_readings(path))
    yield from {reading.profile for reading in readings} - {profile.name}
    mine = sorted((one for one in readings if one.profile == profile.name), key=_device)
    for (site, device), own in groupby(mine, key=_device):
        yield _of_readings(path.stem, f"{site}/{device}", own, profile)


def _device(reading: Reading) -> tuple[str, str]:
    return reading.site, reading.device


def _of_readings(dataset: str, group: str, readings: Iterable[Reading], profile: Profile) -> DeviceSeries:
    metrics, rows = list(profile.metrics), list(readings)
    told = [[reading.metrics.get(name) for name in metrics] for reading in rows]
    seconds = np.array([reading.event_time_ms / 1000.0 for reading in rows])
    values, interval, start = on_grid(seconds, np.array(told, dtype=np.float64).reshape(len(rows), len(metrics)))
    return DeviceSeries(dataset, group, profile.name, values, interval, start, metrics=tuple(map(str, metrics)))


def _readings(path: Path) -> Iterator[Reading]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield decode(line, Reading)
        except InputError as error:
            raise InputError(f"{path}:{number}: {error.message}", advice="a line is a reading as REST takes it") from error
