"""A file of messages, one JSON object a line: readings, commands or labels on disk."""

from collections.abc import Sequence
from pathlib import Path

from tidegate.contracts.codec import encode
from tidegate.errors import DependencyError


class JsonLinesFile:
    """Created anew, with the folders above it; buffered until `close`."""

    def __init__(self, path: Path) -> None:
        """Raise DependencyError when `path` cannot be written."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
        except OSError as error:
            raise self._failed(error) from error

    def write(self, messages: Sequence[object]) -> None:
        """Append `messages`.

        Raises:
            DependencyError: the disk does not take them.
        """
        try:
            self._file.write(b"".join(encode(message) + b"\n" for message in messages))
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write out what waits and close. Idempotent.

        Raises:
            DependencyError: the disk does not take it.
        """
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> DependencyError:
        return DependencyError(f"{self._path}: cannot be written: {error.strerror}")
