"""A command that goes on for ever ends at a signal, also when its cancellation is swallowed on the way."""

import asyncio
import os
import signal

import pytest
import typer

from tidegate.cli.interrupting import until_interrupted


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("deaf_times", [0, 2])
async def test_a_signal_ends_it_however_often_that_is_not_heard(number: signal.Signals, code: int, deaf_times: int) -> None:
    async def endless() -> None:
        os.kill(os.getpid(), number)
        for _ in range(deaf_times):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(60)

    with pytest.raises(typer.Exit) as ended:
        await until_interrupted(endless())
    assert ended.value.exit_code == code


async def test_without_a_signal_it_ends_as_it_does() -> None:
    async def wrong() -> None:
        raise ValueError("so")

    await until_interrupted(asyncio.sleep(0))
    with pytest.raises(ValueError, match="so"):
        await until_interrupted(wrong())
