"""`tidegate demo`, as a person runs it: everything real, and nothing left running behind it."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

COMMAND = [sys.executable, "-m", "tidegate.cli.main", "demo"]
PATIENCE_SECONDS = 90.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {"TMPDIR": str(folder), "COLUMNS": "100", "LINES": "30", "TERM": "xterm"} | more


@contextmanager
def running(folder: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(folder, **more)
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)
    assert alive == []


def test_it_shows_an_anomaly_and_a_decision_and_stops_with_all_its_processes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with running(tmp_path, "--port", str(port), "--every", "0.5", "--duration", "100") as demo:
            assert demo.stdout
            seen = ""
            for line in demo.stdout:
                seen += line
                if " anomaly " in line and " decision " in line:
                    break
            family = psutil.Process(demo.pid).children(recursive=True)
            demo.send_signal(signal.SIGTERM)
            rest, _ = demo.communicate(timeout=PATIENCE_SECONDS)
    assert f"port {port} is busy" in seen
    assert re.search(r"API docs http://127\.0\.0\.1:\d+/docs", seen)
    assert len(family) >= 2
    assert demo.returncode == 0, seen + rest
    assert "seen: readings, an anomaly and a decision" in rest
    assert_all_gone(family)
    assert list(tmp_path.glob("tidegate-demo-*")) == []


def in_terminal(folder: Path) -> tuple[int, int]:
    """Process id and terminal of a demo whose screen has been drawn."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, COMMAND, environment(folder))  # noqa: S606 - our own command
    screen = bytearray()

    def drawn() -> bool:
        screen.extend(os.read(terminal, 65536))
        return b"decisions" in screen and b"/console/" in screen

    wait_for(drawn, "the screen")
    return pid, terminal


def test_ctrl_c_in_a_terminal_stops_everything_and_is_no_failure(tmp_path: Path) -> None:
    pid, terminal = in_terminal(tmp_path)
    family = psutil.Process(pid).children(recursive=True)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(_drain(terminal, pid)) == 0
    assert len(family) >= 2
    assert_all_gone(family)


def test_closing_the_terminal_stops_everything(tmp_path: Path) -> None:
    pid, terminal = in_terminal(tmp_path)
    family = psutil.Process(pid).children(recursive=True)
    os.close(terminal)
    os.waitpid(pid, 0)
    assert len(family) >= 2
    assert_all_gone(family)


def _drain(terminal: int, pid: int) -> int:
    """Read what is still written, so that the child never blocks on it, until it ends."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # Linux says so when the last writer has closed
        pass
    os.close(terminal)
    return os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("setting", ["TIDEGATE_LOG__PARTITIONS", "TIDEGATE_NO_SUCH_SETTING"])
def test_a_service_that_cannot_start_is_reported_with_its_last_words_and_its_log(tmp_path: Path, setting: str) -> None:
    with running(tmp_path, "--duration", "60", **{setting: "0"}) as demo:
        out, _ = demo.communicate(timeout=60)
    assert demo.returncode == 3
    assert "service ended with code 2" in out
    assert setting in out
    [folder] = tmp_path.glob("tidegate-demo-*")
    assert (folder / "service.log").exists()
