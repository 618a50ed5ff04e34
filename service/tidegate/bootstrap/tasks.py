"""Tasks that run beside everything else, and their end."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.errors import DependencyError
from tidegate.ports import Metrics

_WEIGH_SECONDS: Final = 15.0
"""Between two looks at the size of the log: as often as Prometheus usually asks."""


def run_beside(work: Coroutine[Any, Any, None], name: str, stack: AsyncExitStack) -> None:
    """Run `work` as a task until `stack` closes."""
    stack.push_async_callback(cancel, [asyncio.create_task(work, name=name)])


async def cancel(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Cancel `tasks` and wait until each is over; what they raise is dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def keep_weighed(log: EmbeddedLog, metrics: Metrics) -> None:
    """Keep the size of the log on show; a log that cannot be asked just now is asked again."""
    while True:
        with contextlib.suppress(DependencyError):
            metrics.log_bytes(await log.used_bytes())
        await asyncio.sleep(_WEIGH_SECONDS)
