"""A PostgreSQL server of the tests' own: in a folder under /tmp, on a free loopback port, gone afterwards.

The server refuses to run as root; where we are root it runs as Debian's user `postgres`. `TIDEGATE_TEST_POSTGRES` names the
folder of its programs where they are elsewhere than Debian puts them.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

PROGRAMS = Path(os.environ.get("TIDEGATE_TEST_POSTGRES", "/usr/lib/postgresql/15/bin"))
USER = "tidegate"
PASSWORD = "pass word"  # a blank, so that nothing gets by with quoting badly
PATIENCE_SECONDS = 60.0

_numbers = count()


def missing_programs() -> list[str]:
    """Which of PostgreSQL's programs are not there."""
    return [name for name in ("initdb", "postgres", "createdb") if not (PROGRAMS / name).exists()]


@dataclass
class Postgres:
    """One server; `stop`, `kill` and `start` it as a test needs."""

    folder: Path
    port: int
    settings: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [str(PROGRAMS / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for setting in ("listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}", *self.settings):
            command += ["-c", setting]
        with (self.folder / "server.log").open("ab") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said, cwd=self.folder, user=_account(), group=_account())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._run("pg_isready", "-t", "1").returncode != 0:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not come up"
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT drops its clients and closes in order, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def new_database(self) -> str:
        """The URL of a database nobody else uses, without the password."""
        name = f"tidegate_{next(_numbers)}"
        made = self._run("createdb", name)
        assert made.returncode == 0, made.stderr
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(PROGRAMS / program), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, *arguments]
        return subprocess.run(
            command, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False, cwd=self.folder
        )


@contextmanager
def postgres_server(*settings: str) -> Iterator[Postgres]:
    """A server that was never used. Without syncs unless `settings` say otherwise: a test does not outlive the machine."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-"))
    account = _account()
    if account is not None:
        shutil.chown(folder, account, account)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    command = [str(PROGRAMS / "initdb"), "-D", str(folder / "data"), "-U", USER, "-E", "UTF8", "--no-sync"]
    command += ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]  # a language, as most servers have
    command += ["--auth=scram-sha-256", f"--pwfile={secret}"]
    made = subprocess.run(command, user=account, group=account, capture_output=True, text=True, check=False, cwd=folder)
    server = Postgres(folder, _free_port(), settings or ("fsync=off", "full_page_writes=off"))
    try:
        assert made.returncode == 0, made.stderr
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
