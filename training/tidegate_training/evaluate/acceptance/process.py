"""The service as a process of its own: start, wait until ready, stop politely, kill; one port and one data folder."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from tidegate.errors import DependencyError

START_SECONDS: Final = 300.0
"""For a start to become ready, replay included."""

STOP_SECONDS: Final = 60.0


class ServiceProcess:
    """`tidegate serve` with its log in `folder`. Each start appends to `folder/serve.log`."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = dict(settings)
        self._port = _free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.starts_seconds: list[float] = []

    @property
    def url(self) -> str:
        """Base URL of the door, the same over restarts."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log_path(self) -> Path:
        """File of the embedded log; only to be opened when the service is stopped."""
        return self._folder / "tidegate.db"

    async def start(self) -> None:
        """Start and wait until ready.

        Raises:
            DependencyError: it ended, or was not ready in time; the message has the end of its log.
        """
        began = asyncio.get_running_loop().time()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
        command = [sys.executable, "-c", "from tidegate.cli.main import main; main()", "serve"]
        command += ["--port", str(self._port), "--data-dir", str(self._folder)]
        with (self._folder / "serve.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=environment | self._settings, stdout=output, stderr=output, start_new_session=True
            )
        await self._until_ready(began + START_SECONDS)
        self.starts_seconds.append(asyncio.get_running_loop().time() - began)

    async def stop(self) -> None:
        """SIGTERM, and wait for the clean end: batch finished, snapshot left behind."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), STOP_SECONDS)
        if code != 0:
            raise DependencyError(f"the service ended with {code} on SIGTERM: {self._tail()}")

    async def kill(self) -> None:
        """`kill -9`, the planner's process included: nothing gets a chance to tidy up."""
        process = self._running()
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def kill_if_running(self) -> None:
        """`kill` if there is something to kill; for the way out after an error."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def _until_ready(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        async with httpx.AsyncClient(base_url=self.url, timeout=5.0) as client:
            while loop.time() < deadline:
                if self._running().returncode is not None:
                    raise DependencyError(f"the service ended with {self._running().returncode}: {self._tail()}")
                try:
                    if (await client.get("/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise DependencyError(f"the service was not ready within {START_SECONDS:g} s: {self._tail()}")

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise DependencyError("the service was not started")
        return self._process

    def _tail(self) -> str:
        return (self._folder / "serve.log").read_text(encoding="utf-8", errors="replace")[-800:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
