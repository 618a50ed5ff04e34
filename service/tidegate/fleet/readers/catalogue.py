"""All formats, and the way from a file or folder to series."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.contracts.ids import is_clean
from tidegate.errors import InputError
from tidegate.fleet.readers import bitbrains, kpi, machines, msl, nab, packets, planetlab, rt_iot2022, skab, ton_iot
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import SUFFIXES, shape_of
from tidegate.fleet.series import Series

READERS = tuple(module.READER for module in (nab, skab, kpi, machines, msl, ton_iot, bitbrains, planetlab, rt_iot2022, packets))
"""Every format we read. Their `recognises` exclude each other; a test holds that."""


@dataclass(frozen=True)
class Scan:
    """What a path holds: files with the reader that knows them, in name order, and data files that none knows."""

    known: tuple[tuple[Path, Reader], ...]
    unknown: tuple[Path, ...]


def scan(path: Path) -> Scan:
    """Look at `path`, or at every CSV, npz and parquet file below it, without reading values.

    Raises:
        InputError: the path is missing, or a file's head is broken.
        DependencyError: a parquet file is there and the parquet extra is not installed.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.suffix.lower() in SUFFIXES)
    matched = [(file, _reader(file)) for file in files if file.is_file()]
    return Scan(
        tuple((file, reader) for file, reader in matched if reader is not None),
        tuple(file for file, reader in matched if reader is None),
    )


def iter_dataset(path: Path) -> Iterator[Series]:
    """Yield every series of a file or folder, reading one file at a time: memory is that of the largest file.

    A folder's files of no known format (labels, coordinates) are passed over; `scan` names them.

    Raises:
        InputError: nothing there is of a known format, or a file is malformed; names file and row.
        DependencyError: a parquet file is there and the parquet extra is not installed.
    """
    found = scan(path)
    if not found.known:
        formats = ", ".join(reader.name for reader in READERS)
        raise InputError(
            f"{path}: no data of a known format ({formats})", advice="the readers' modules say which columns each expects"
        )
    for file, reader in found.known:
        for series in reader.read(file):
            if not is_clean(series.device):
                raise InputError(
                    f"{file}: device id {series.device[:80]!r} is not printable or too long", advice="rename the file"
                )
            yield series


def open_dataset(path: Path) -> list[Series]:
    """Every series of a file or folder, in memory; see `iter_dataset`."""
    return list(iter_dataset(path))


def _reader(path: Path) -> Reader | None:
    shape = shape_of(path)
    return next((reader for reader in READERS if reader.recognises(shape)), None)
