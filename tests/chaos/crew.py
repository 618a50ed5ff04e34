"""The worker processes and their supervisor: what ends without being told to is started again, and remembered."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 60.0
"""For a clean end after SIGTERM on a busy machine; the service's own limit is shorter."""

RESTART_SECONDS: Final = 0.5
"""Between an end that nobody asked for and the new start, as a supervisor waits."""

_LOOK_SECONDS: Final = 0.1


class Member:
    """One worker: at most one process at a time, over any number of lives. `wanted` is whether it shall be there."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str], roles: str) -> None:
        self.name = name
        self._roles = roles
        self.wanted = True
        self.exits: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._settings = settings

    @property
    def log(self) -> Path:
        """What all its lives said."""
        return self._folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Of the process, or None while there is none."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def start(self) -> None:
        """Start a process on a free port, with no data of its own but the log's. Only the first also has the doors of the API:
        they read all topics again, and one is enough to find them in the way."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
        command = [sys.executable, "-m", "tidegate.cli.main", "serve", "--port", "0", "--data-dir", str(self._folder / self.name)]
        command += ["--roles", self._roles]
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=kept | dict(self._settings)
            )

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to the process, if there is one."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    async def stop(self) -> None:
        """SIGTERM, and wait for the end; SIGKILL when that does not come."""
        self.wanted = False
        self.signal(signal.SIGTERM)
        process = self.process
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        self.exits.append(process.returncode)
        self.process = None


class Crew:
    """All members there ever were; those `wanted` are kept running."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.members: list[Member] = []
        self._folder = folder
        self._settings = dict(settings)
        self._supervisor = asyncio.create_task(self._supervise(), name="supervisor")

    def add(self) -> Member:
        """Start one more."""
        roles = "worker" if self.members else "worker,api"
        member = Member(f"worker-{len(self.members) + 1}", self._folder, self._settings, roles)
        self.members.append(member)
        member.start()
        return member

    def present(self) -> list[Member]:
        """Those that shall be there, in the order in which they came."""
        return [member for member in self.members if member.wanted]

    def pick(self, target: int) -> Member:
        """One of `present`, by a number of any size."""
        present = self.present()
        return present[target % len(present)]

    async def stop(self) -> None:
        """Stop everybody in order, one after another."""
        for member in self.present():
            member.signal(signal.SIGCONT)
            await member.stop()
        self._supervisor.cancel()

    def kill(self) -> None:
        """End everybody at once; for the way out."""
        self._supervisor.cancel()
        for member in self.members:
            member.wanted = False
            if member.process is not None:
                member.process.kill()
                member.process.wait()

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for member in self.present():
                if member.process is not None and (code := member.process.poll()) is not None:
                    member.exits.append(code)
                    member.process = None
                    asyncio.get_running_loop().call_later(RESTART_SECONDS, _start_again, member)


def _start_again(member: Member) -> None:
    if member.wanted and member.process is None:
        member.start()
