"""PlanetLab CPU traces: npz with `cpu_percent` [vm, sample], one day at 5 minutes, the day in the file's name.

Each VM is a device of that day only: the files do not say which VM is which on another day. Source: Park and Pai, 2006, as
shipped with CloudSim.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.readers import times
from tidegate.fleet.readers.npz import read_array
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.series import Series

INTERVAL_SECONDS = 300.0
"""Seconds between two samples of a VM."""


def recognises(shape: Shape) -> bool:
    """True for an npz file with `cpu_percent`."""
    return shape.suffix == ".npz" and "cpu_percent" in shape.columns


def read(path: Path) -> Iterator[Series]:
    """Yield one series per VM; device `planetlab-<day>-vm-<number>`.

    Raises:
        InputError: the array is not numeric, or the file is not named by its day.
    """
    usage = read_array(path, "cpu_percent", 2)
    event_time_ms = times.evenly(usage.shape[1], INTERVAL_SECONDS, _midnight_ms(path))
    for number, row in enumerate(usage):
        yield Series(
            dataset="planetlab",
            device=DeviceId(f"planetlab-{path.stem}-vm-{number:04d}"),
            profile=ProfileName("planetlab-vm"),
            interval_seconds=INTERVAL_SECONDS,
            event_time_ms=event_time_ms,
            metrics=(MetricName("cpu_percent"),),
            values=row[:, None],
        )


def _midnight_ms(path: Path) -> int:
    try:
        return int(datetime.strptime(path.stem, "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise InputError(f"{path}: the file is named {path.stem!r}, expected its day as YYYYMMDD") from error


READER = Reader("planetlab", recognises, read)
