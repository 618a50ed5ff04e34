"""The end of commands that would go on for ever: SIGINT or SIGTERM."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, Final

import typer

_AGAIN_SECONDS: Final = 0.5
"""A cancellation is lost when it meets a library that is just done waiting; so it is said again until it was heard."""


async def until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, or cancel it at a signal and exit with 130 (SIGINT) or 143 (SIGTERM).

    Raises:
        Exit: a signal came.
    """
    working, told = asyncio.create_task(work), asyncio.get_running_loop().create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: whoever runs us there handles signals
            asyncio.get_running_loop().add_signal_handler(number, _tell, told, number)
    await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
    if not told.done():
        return await working
    while not working.done():
        working.cancel()
        await asyncio.wait({working}, timeout=_AGAIN_SECONDS)
    raise typer.Exit(128 + told.result())


def _tell(told: "asyncio.Future[int]", number: int) -> None:
    if not told.done():
        told.set_result(number)
