"""Keeps a second process away from the log's file: two writers would each believe to own every site.

An advisory `flock` on a file beside the log. The kernel drops it when its holder dies, however it dies, so a lock is
never stale; the file itself stays, because removing it would race with the next opener.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from tidegate.errors import DependencyError, LogInUseError


class LockFile:
    """An exclusive lock, held from construction until `release` or the end of the process.

    The descriptor is not inherited over `exec`; a bare `fork` would share the lock with the child.

    Raises:
        LogInUseError: another holder lives; says which process.
        DependencyError: the file cannot be made or locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DependencyError(f"cannot open lock file {path}: {error.strerror}", advice="check folder and rights") from error
        try:
            self._lock()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise LogInUseError(
                f"the log beside {self._path} is in use by process {holder}",
                advice=f"stop process {holder}, or give this one a data folder of its own",
            ) from error
        except OSError as error:
            raise DependencyError(f"cannot lock {self._path}: {error.strerror}", advice="use a local disk") from error
        # Only for the message above; a full disk must not keep us from starting.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next process in. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
