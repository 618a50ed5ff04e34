"""A child process that answers questions, one at a time: bytes in, bytes out. Knows nothing of what they say.

The child reads from its standard input and writes to its standard output, each message as a 4-byte big-endian length and its
bytes. It ignores Ctrl-C, which is the parent's to handle, and ends when its input does.
"""

import asyncio
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

from tidegate.errors import DependencyError

LENGTH: Final = struct.Struct(">I")
"""Frame header: bytes of the message that follows."""

_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The search uses no linear algebra; thread pools started on import would only take memory and processors from scoring."""


class Child:
    """One child process, started with the first question and again after a death. Questions wait for one another.

    A child that dies, or takes longer than `limit_seconds` over one answer, is stopped and the question fails; the next one
    starts a new child. `name` is what messages call it, `module` what it runs.
    """

    def __init__(self, name: str, module: str, limit_seconds: float, advice: str) -> None:
        self.limit_seconds = limit_seconds
        self._name = name
        self._module = module
        self._advice = advice
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the living child, None when there is none."""
        return None if self._process is None else self._process.pid

    @property
    def busy(self) -> bool:
        """True while a question is with the child."""
        return self._turn.locked()

    async def ask(self, question: bytes) -> bytes:
        """The child's answer to `question`, when its turn has come.

        Raises:
            DependencyError: the child died, or took longer than its limit.
        """
        async with self._turn:
            return await self._ask(question)

    async def close(self) -> None:
        """Stop the child. Idempotent; a question under way fails."""
        await self._stop()

    async def _ask(self, raw: bytes) -> bytes:
        """One question, one answer. Whatever goes wrong in between, cancellation too, ends the child: it may be out of step."""
        try:
            async with asyncio.timeout(self.limit_seconds):
                return await self._exchange(raw)
        except TimeoutError as error:
            await self._stop()
            raise DependencyError(f"{self._name} took longer than {self.limit_seconds} s", advice=self._advice) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            await self._stop()
            raise DependencyError(f"{self._name} died", advice="it is started again with the next request") from error
        except BaseException:
            await self._stop()
            raise

    async def _exchange(self, raw: bytes) -> bytes:
        if self._process is None:
            self._process = await _start(self._module)
        source, sink = self._process.stdout, self._process.stdin
        if source is None or sink is None:
            raise DependencyError(f"{self._name} has no pipes")
        sink.writelines((LENGTH.pack(len(raw)), raw))
        await sink.drain()
        (size,) = LENGTH.unpack(await source.readexactly(LENGTH.size))
        return await source.readexactly(size)

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _start(module: str) -> asyncio.subprocess.Process:
    """Start a child. In a session of its own: a terminal's Ctrl-C reaches it not even before it can ignore it.

    `-P` keeps the working directory out of the import path.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | _ONE_THREAD,
        start_new_session=True,
    )


def serve(answer: Callable[[bytes], bytes], source: BinaryIO, sink: BinaryIO) -> None:
    """In the child: answer questions from `source` on `sink`, one by one, until `source` ends."""
    while len(header := source.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(header)
        reply = answer(source.read(size))
        sink.write(LENGTH.pack(len(reply)) + reply)
        sink.flush()


def run_child(answer: Callable[[bytes], bytes]) -> None:
    """Run as the child: Ctrl-C belongs to the parent, and a vanished parent is the end of input, not an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(answer, sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        sys.stderr.close()
