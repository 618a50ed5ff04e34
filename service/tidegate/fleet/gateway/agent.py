"""A gateway's agent at work: reads its assignments, says its words, and starts and stops what it is told about.

Order of what follows from a read: stop what is not ours any more, start what is, and only then say so. `released` is said of
nothing that still runs.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from tidegate.contracts.ack import AckKind
from tidegate.contracts.ids import DeviceId
from tidegate.errors import DependencyError
from tidegate.fleet.gateway.doors import GatewayDoor
from tidegate.fleet.gateway.following import Following, Served

LOOK_SECONDS: Final = 5.0
"""How long one read waits for a change at most."""

LEAST_SECONDS: Final = 0.2
"""Between two reads: with leases so short that none waits, the service is not asked without pause."""

LEASE_SHARE: Final = 4
"""A read waits for at most this part of the shortest lease, so that several may fail before it ends."""

AGAIN_SECONDS: Final = 1.0
"""After a read or word that failed."""

IDLE_SECONDS: Final = 1.0
"""Between two looks at leases when none ends sooner."""

Key = tuple[AckKind, DeviceId | None, int | None]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """That a device is served from now on, or is not any more; `until_seconds` is the end of its lease (monotonic)."""

    served: bool
    device: DeviceId
    epoch: int
    why: str
    until_seconds: float | None = None


@dataclass(slots=True)
class Agent:
    """Runs until cancelled. `tell` is called for each change of what is served, in order, before anybody hears of it.

    Ask `serves` at each act of serving: a process that stood still for a while learns of its lease's end only there.
    """

    following: Following
    door: GatewayDoor
    tell: Callable[[Change], None]
    beat_seconds: float = 10.0
    _serving: dict[DeviceId, Served] = field(default_factory=dict)
    _said: set[Key] = field(default_factory=set)

    def serves(self, device: DeviceId) -> bool:
        """Whether `device` may be served at this moment."""
        return device in self.following.served(time.monotonic())

    async def run(self) -> None:
        """Follow, speak and watch the leases until cancelled; then stop serving. What cannot be reached is tried again.

        Raises:
            InputError: the service refuses what is asked or said.
        """
        tasks = [asyncio.create_task(work()) for work in (self._follow, self._beat, self._watch)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._change({}, "the agent stops")

    async def _follow(self) -> None:
        while True:
            asked = time.monotonic()
            try:
                assignments = await self.door.assignments(self._patience_seconds())
                self.following.learn(assignments, asked)
                self._change(self.following.served(time.monotonic()), "it is told to stop")
                await self._speak()
                await asyncio.sleep(max(0.0, asked + LEAST_SECONDS - time.monotonic()))
            except DependencyError as error:
                _log.warning("assignments_unknown", code=error.code, error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _beat(self) -> None:
        """Say that it lives, and again what somebody waits for."""
        while True:
            try:
                await self.door.say([self.following.heartbeat(_now_ms())])
                kept: set[Key] = {(AckKind.ACTIVE, each.device, each.epoch) for each in self._serving.values()}
                self._said &= kept
                await self._speak()
                await asyncio.sleep(self.beat_seconds)
            except DependencyError as error:
                _log.warning("heartbeat_failed", code=error.code, error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _watch(self) -> None:
        while True:
            end, now = self.following.next_end_seconds(), time.monotonic()
            await asyncio.sleep(IDLE_SECONDS if end is None or end <= now else min(end - now, IDLE_SECONDS))
            self._change(self.following.served(time.monotonic()), "its lease is over")

    async def _speak(self) -> None:
        words = self.following.words(_now_ms(), time.monotonic())
        keys: list[Key] = [(word.kind, word.device, word.epoch) for word in words]
        new = [word for word, key in zip(words, keys, strict=True) if key not in self._said]
        if new:
            await self.door.say(new)
        self._said |= set(keys)
        self.following.forget(words)

    def _change(self, served: dict[DeviceId, Served], why: str) -> None:
        before, self._serving = self._serving, served
        for change in [*_stopped(before, served, why), *_started(before, served)]:
            self.tell(change)

    def _patience_seconds(self) -> float:
        end = self.following.next_end_seconds()
        left = LOOK_SECONDS if end is None else (end - time.monotonic()) / LEASE_SHARE
        return max(0.0, min(LOOK_SECONDS, left))


def _stopped(before: dict[DeviceId, Served], now: dict[DeviceId, Served], why: str) -> Sequence[Change]:
    gone = [each for device, each in before.items() if device not in now or now[device].epoch != each.epoch]
    return [Change(False, each.device, each.epoch, why, each.until_seconds) for each in gone]


def _started(before: dict[DeviceId, Served], now: dict[DeviceId, Served]) -> Sequence[Change]:
    new = [each for device, each in now.items() if device not in before or before[device].epoch != each.epoch]
    return [Change(True, each.device, each.epoch, "it is assigned here", each.until_seconds) for each in new]


def _now_ms() -> int:
    return int(time.time() * 1000)
