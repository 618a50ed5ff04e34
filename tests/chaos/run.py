"""One chaos run from the broker's start to the verdict.

1. Broker behind a proxy, topics, workers. 2. The stream flows; after a prelude the strikes fall, each when the one before it
was recovered from (or at once, if the schedule says so). 3. The stream stops, the workers take the rest and end in order.
4. What is on the topics is judged.
"""

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

from chaos.crew import Crew
from chaos.fleet import Source
from chaos.installation import PARTITIONS, Installation, install
from chaos.memory import MemoryWatch
from chaos.messages import Message, messages
from chaos.recovery import all_since, recovery_seconds, stall_seconds
from chaos.schedule import Programme, Strike, schedule
from chaos.sender import Sender
from chaos.strikes import Striker, Struck
from chaos.verdict import Verdict, judge
from chaos.watch import JournalWatch, StandstillError
from tidegate.adapters.kafka.connection import Delivery
from tidegate.contracts.topics import JOURNAL
from tidegate.settings import load_settings

PRELUDE_MESSAGES: Final = 60
"""Sent before the first strike: two in three devices are warm then."""

RECOVERY_LIMIT_SECONDS: Final = 240.0
"""After this the run is given up: something stands still for good. Far above any recovery, on the slowest machine."""

GOOD_EXITS: Final = frozenset({0, 3, -signal.SIGKILL, -signal.SIGTERM})
"""Stopped in order, gave up for a reason it named (no broker at its start), killed by us, told to end while it was starting."""


@dataclass(slots=True)
class Outcome:
    """What one run came to. `recoveries` and `stalls` are by strike, in seconds.

    `complaints` are broken promises that no topic shows.
    """

    programme: Programme
    source: str
    delivery: Delivery
    struck: list[Struck] = field(default_factory=list)
    recoveries: list[float | None] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    complaints: list[str] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    seconds: float = 0.0
    peak_mb: float = 0.0
    growth_mb: float = 0.0

    def broken(self) -> dict[str, list[str]]:
        """Every broken promise, by name."""
        return self.verdict.broken() | ({"complaints": self.complaints} if self.complaints else {})


async def run_chaos(programme: Programme, source: Source, folder: Path, delivery: Delivery) -> Outcome:
    """Carry out `programme` in the empty `folder`, which holds every log and the broker's data afterwards."""
    outcome, began = Outcome(programme, source.name, delivery), monotonic()
    async with AsyncExitStack() as stack:
        installed = await install(stack, folder, delivery)
        watch = await JournalWatch.open(installed.inside.bootstrap_servers, installed.inside.topic(JOURNAL), PARTITIONS)
        stack.push_async_callback(watch.close)
        crew = Crew(folder, installed.settings)
        stack.callback(crew.kill)
        sender = Sender(installed.through, messages(source, programme.seed, PARTITIONS), watch)
        stack.push_async_callback(sender.close)
        try:
            await _disturbed(outcome, installed, crew, sender, watch)
        except (StandstillError, TimeoutError) as error:
            outcome.complaints.append(f"stands still: {error}")
        crew.kill()
        _look_at(outcome, crew, sender)
        outcome.verdict = await judge(installed.inside, load_settings(environment=installed.settings), sender)
        outcome.recoveries = recovery_seconds(outcome.struck, watch.first_since, PARTITIONS)
        moments = {partition: [each.stamp_ms for each in commits] for partition, commits in watch.commits.items()}
        outcome.stalls = [
            stall_seconds(each, moments, recovery) for each, recovery in zip(outcome.struck, outcome.recoveries, strict=True)
        ]
    outcome.seconds = monotonic() - began
    return outcome


async def _disturbed(outcome: Outcome, installed: Installation, crew: Crew, sender: Sender, watch: JournalWatch) -> None:
    for _ in range(outcome.programme.workers):
        crew.add()
    memory = MemoryWatch(crew)
    sending = asyncio.create_task(sender.run(), name="sender")
    try:
        await _until_all(watch, 0.0, "the first start")
        striker = Striker(crew, installed.brokers, installed.proxies)
        outcome.struck = striker.done
        await _strikes(striker, schedule(outcome.programme), sender, sending, watch)
        await _with(sending, sender.until_sent(sender.sent + PRELUDE_MESSAGES))
        sender.stop()
        await sending
        await watch.until(lambda: _all_taken(sender, watch), RECOVERY_LIMIT_SECONDS, "the rest of the input")
        await crew.stop()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        memory.close()
        outcome.peak_mb, outcome.growth_mb = memory.peak_mb(), memory.growth_mb()


async def _strikes(
    striker: Striker, strikes: Sequence[Strike], sender: Sender, sending: "asyncio.Task[None]", watch: JournalWatch
) -> None:
    under_way: list[asyncio.Task[Struck]] = []
    for strike in strikes:
        if not strike.at_once:
            await _recovered(under_way, watch)
            lead = strike.after_messages + (0 if under_way else PRELUDE_MESSAGES)
            await _with(sending, sender.until_sent(sender.sent + lead))
        await asyncio.sleep(strike.delay_seconds)
        under_way.append(asyncio.create_task(striker.strike(strike)))
    await _recovered(under_way, watch)


async def _recovered(under_way: "Sequence[asyncio.Task[Struck]]", watch: JournalWatch) -> None:
    """Wait until all strikes so far have ended and every partition has committed since."""
    struck = await asyncio.gather(*under_way)
    if struck:
        last = max(each.ended_ms for each in struck)
        await _until_all(watch, last, f"recovery from {struck[-1].strike}")


async def _until_all(watch: JournalWatch, moment_ms: float, what: str) -> None:
    await watch.until(lambda: all_since(moment_ms, watch.first_since, PARTITIONS) is not None, RECOVERY_LIMIT_SECONDS, what)


async def _with(sending: "asyncio.Task[None]", waiting: Coroutine[None, None, None]) -> None:
    """Wait for what the sender will do; when it fails instead, so does this."""
    task = asyncio.create_task(waiting)
    await asyncio.wait([sending, task], return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        sending.result()
    await task


def _all_taken(sender: Sender, watch: JournalWatch) -> bool:
    last = sender.last_offset.items()
    return all(watch.positions[partition].get(topic, 0) > offset for (topic, partition), offset in last)


def _look_at(outcome: Outcome, crew: Crew, sender: Sender) -> None:
    """What processes said and how they ended."""
    outcome.messages = list(sender.messages.values())
    for member in crew.members:
        outcome.exits += member.exits
        outcome.complaints += [f"{member.name} ended with {code}" for code in member.exits if code not in GOOD_EXITS]
        if "Traceback" in member.log.read_text(errors="replace"):
            outcome.complaints.append(f"{member.name} logged a traceback: see its log")
