"""Posts of 1,000 readings to a server in a process of its own: the service's door, or the bare one."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


@contextmanager
def bare_server(port: int) -> Iterator[None]:
    """`ceilings.bare_app` under uvicorn, configured as the service configures its own."""
    code = f"import uvicorn, ceilings; uvicorn.run(ceilings.bare_app, port={port}, log_config=None, access_log=False)"
    with _process([sys.executable, "-c", code], port, "/"):
        yield


@contextmanager
def service(port: int, folder: Path) -> Iterator[None]:
    """`tidegate serve`, scoring what it is sent while it is sent."""
    code = "from tidegate.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", "--port", str(port), "--data-dir", str(folder)]
    with _process(command, port, "/readyz"):
        yield


def posts_per_second(port: int, bodies: Sequence[bytes]) -> float:
    """Requests per second over one connection, the next when the last is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    for body in bodies:
        connection.request("POST", "/v1/readings", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.ACCEPTED:
            raise RuntimeError(f"POST answered {answer.status}")
    seconds = time.perf_counter() - began
    connection.close()
    return len(bodies) / seconds


@contextmanager
def _process(command: Sequence[str], port: int, path: str) -> Iterator[None]:
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _until_answering(process, port, path)
            yield
        finally:
            process.terminate()


def _until_answering(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            if status < http.client.BAD_REQUEST:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"no server on port {port} (process ended with {process.poll()})")
