"""What `simulate` and `replay` share on the command line: where to send, progress on standard error, clean interrupts."""

import asyncio
import contextlib
import re
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console

from tidegate.adapters.kafka import KafkaLog
from tidegate.bootstrap.log import kafka_connection
from tidegate.contracts.codec import encode
from tidegate.errors import ConfigurationError
from tidegate.fleet.door import RestDoor
from tidegate.fleet.forms import Form
from tidegate.fleet.log_sink import LogSink
from tidegate.fleet.outbox import Traffic
from tidegate.fleet.sinks import JsonLinesSink, Sink
from tidegate.ports import Log
from tidegate.settings import load_settings

KAFKA = "kafka://"
"""How a target that is a Kafka cluster begins."""

TARGETS = "Address of a service, kafka://host:port for the topics themselves, or a file for JSON lines."
"""What `--to` may name."""

FORMS = "json: one reading a message; batch: JSON, a site's readings; packed: MessagePack with float32 columns."
"""What `--format` may be."""

LINE_SECONDS = 2.0
"""Seconds between two lines of progress."""


def is_url(target: str) -> bool:
    """Whether a target is meant as the address of a service; otherwise it is a file. `host:8080` is meant as one, and refused."""
    return "://" in target or re.fullmatch(r"[\w.-]+:\d+(/.*)?", target) is not None


def open_sink(target: str, form: Form = Form.BATCH, token: str | None = None) -> Sink:
    """The sink `--to` names: brokers (`kafka://host:port,host:port`), the address of a service, or a file of JSON lines.

    Raises:
        ConfigurationError: an address that is none, or packed batches for a file.
        DependencyError: a file that cannot be written.
    """
    if target.startswith(KAFKA):
        return LogSink(lambda: open_kafka(target.removeprefix(KAFKA)), form)
    if is_url(target):
        return RestDoor(target, form, token=token)
    if form is Form.PACKED:
        raise ConfigurationError(f"a file such as {target} is JSON lines, not packed batches", advice="leave --format out")
    return JsonLinesSink(Path(target))


async def open_kafka(servers: str) -> Log:
    """The topics a service with the same settings reads; the prefix comes from the settings' `kafka` group."""
    kafka = load_settings().kafka.model_copy(update={"bootstrap_servers": servers})
    return await KafkaLog.open(kafka_connection(kafka))


def run(work: Coroutine[Any, Any, None], traffic: Traffic, *, quiet: bool, as_json: bool = False) -> None:
    """Run `work` to its end or until SIGINT or SIGTERM, with progress and a summary on standard error unless `quiet`.

    With `as_json` what was sent is a JSON document on standard output.
    """
    started = time.monotonic()
    console = Console(stderr=True, quiet=quiet)
    asyncio.run(_run(work, traffic, console))
    seconds = max(time.monotonic() - started, 0.001)
    if as_json:
        print(encode({"readings": traffic.readings, "batches": traffic.batches, "seconds": round(seconds, 3)}).decode())
    console.print(
        f"sent {traffic.readings:,} readings in {traffic.batches:,} batches, {traffic.readings / seconds:,.0f} readings/s"
    )


async def _run(work: Coroutine[Any, Any, None], traffic: Traffic, console: Console) -> None:
    working = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: whoever runs us there handles signals
            loop.add_signal_handler(number, working.cancel)
    showing = asyncio.create_task(_show(traffic, console))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await working
    finally:
        showing.cancel()


async def _show(traffic: Traffic, console: Console) -> None:
    before = 0
    with console.status("connecting") as status:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            rate, before = (traffic.readings - before) / LINE_SECONDS, traffic.readings
            lag_seconds = time.time() - traffic.last_event_time_ms / 1000
            status.update(f"{traffic.readings:,} readings sent, {rate:,.0f}/s, newest event {lag_seconds:,.0f} s ago")
