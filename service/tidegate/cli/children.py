"""Child processes that never outlive us: each in a group of its own, its output in a file, stopped within a bounded time."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from tidegate.errors import DependencyError

GRACE_SECONDS: Final = 15.0
"""Seconds between SIGTERM and SIGKILL: the service's own shutdown budget is 10 s."""

TAIL_LINES: Final = 15
"""Lines of a child's output that an error shows."""


class Child:
    """One `tidegate` command running beside us; an async context manager that ends it, and its children, on the way out."""

    def __init__(self, name: str, arguments: Sequence[str], output: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.output = output
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Child":
        with self.output.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tidegate.cli.main", *self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches us alone; we decide in which order things stop
            )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        process = self._running()
        self._signal(signal.SIGTERM, group=False)
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), GRACE_SECONDS)
        except TimeoutError:
            pass
        finally:
            self._signal(signal.SIGKILL, group=True)
            await process.wait()

    async def ended(self) -> int:
        """Wait for its end and return the exit code."""
        return await self._running().wait()

    def failure(self, code: int) -> DependencyError:
        """The error that says this child ended with `code`, with its last words."""
        with contextlib.suppress(OSError):
            lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()
            words = "\n  ".join(lines[-TAIL_LINES:])
            return DependencyError(
                f"{self.name} ended with code {code}; its last words:\n  {words}", advice=f"all of it: {self.output}"
            )
        return DependencyError(f"{self.name} ended with code {code}")

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None  # noqa: S101 - entered before it is asked
        return self._process

    def _signal(self, number: signal.Signals, *, group: bool) -> None:
        process = self._running()
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(process.pid, number)
            elif process.returncode is None:
                process.send_signal(number)
