"""Where a fleet's readings go, and how what was decided about it comes back. The REST door is in `door`; files are here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tidegate.contracts.command import Command
from tidegate.contracts.ids import SiteId
from tidegate.contracts.plan import Assignment
from tidegate.contracts.reading import ReadingBatch
from tidegate.fleet.jsonlines import JsonLinesFile


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
        """Raise DependencyError when `path` cannot be written."""
        self._beside = path.parent / f"{path.stem}.commands.jsonl"
        self._readings = JsonLinesFile(path)
        self._commands: JsonLinesFile | None = None

    async def send(self, batch: ReadingBatch) -> None:
        """Append the batch's readings; see `Sink.send`."""
        self._readings.write(batch.readings)

    async def command(self, command: Command) -> None:
        """Append the command to the file beside; see `Sink.command`."""
        if self._commands is None:
            self._commands = JsonLinesFile(self._beside)
        self._commands.write([command])

    async def close(self) -> None:
        """Close both files. Raises DependencyError when the disk does not take what waits."""
        try:
            self._readings.close()
        finally:
            if self._commands is not None:
                self._commands.close()
