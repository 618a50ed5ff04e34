"""Where a fleet's readings go, and how what was decided about it comes back. The REST door is in `door`; files are here."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command
from tidegate.contracts.ids import SiteId
from tidegate.contracts.plan import Assignment
from tidegate.contracts.reading import ReadingBatch
from tidegate.errors import DependencyError


class Sink(Protocol):
    """Takes a fleet's readings and commands. May wait when it is full; never drops and never reorders."""

    async def send(self, batch: ReadingBatch) -> None:
        """Hand over one batch of one site, 1 to 10,000 readings; returns once it was taken.

        Raises:
            DependencyError: it was not taken within the sink's patience.
            InputError: it was refused for what it says.
        """
        ...

    async def command(self, command: Command) -> None:
        """Hand over a command; repeating it is harmless. Raises as `send`."""
        ...

    async def close(self) -> None:
        """Release files and sockets. Idempotent."""
        ...


class Feedback(Protocol):
    """Tells a fleet who serves its devices, so that devices can follow."""

    async def assignments(self, site: SiteId) -> Sequence[Assignment]:
        """The present assignment of every device of `site` that has one.

        Raises:
            DependencyError: nobody answered within the patience.
        """
        ...


class JsonLinesSink:
    """Writes readings to a file, one JSON object a line; commands to `<name>.commands.jsonl` beside it, if there are any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readings: IO[bytes] = _create(path)
        self._commands: IO[bytes] | None = None

    async def send(self, batch: ReadingBatch) -> None:
        """Append the batch's readings.

        Raises:
            DependencyError: the disk does not take them.
        """
        _write(self._readings, self._path, b"".join(encode(reading) + b"\n" for reading in batch.readings))

    async def command(self, command: Command) -> None:
        """Append the command to the file beside.

        Raises:
            DependencyError: the disk does not take it.
        """
        beside = self._path.with_suffix(".commands.jsonl")
        if self._commands is None:
            self._commands = _create(beside)
        _write(self._commands, beside, encode(command) + b"\n")

    async def close(self) -> None:
        """Flush and close both files."""
        for file in (self._readings, self._commands):
            if file is not None and not file.closed:
                file.close()


def _create(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except OSError as error:
        raise DependencyError(f"{path}: cannot be written: {error}") from error


def _write(file: IO[bytes], path: Path, lines: bytes) -> None:
    try:
        file.write(lines)
    except OSError as error:
        raise DependencyError(f"{path}: cannot be written: {error}") from error
