"""Carries out strikes: signals to workers, kills of brokers, modes of the proxies. Remembers when each began and ended."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from broker import Broker
from chaos.crew import Crew
from chaos.proxy import Proxy
from chaos.schedule import Kind, Strike


@dataclass(slots=True)
class Struck:
    """A strike as it happened, Unix milliseconds; `ended_ms` is 0 while it lasts. A kill ends when it begins."""

    strike: Strike
    began_ms: float
    ended_ms: float = 0.0


class Striker:
    """Strikes an installation: `crew` and `brokers`, each of these behind the proxy of the same place."""

    def __init__(self, crew: Crew, brokers: Sequence[Broker], proxies: Sequence[Proxy]) -> None:
        self.done: list[Struck] = []
        self._crew = crew
        self._brokers = list(zip(brokers, [asyncio.Lock() for _ in brokers], strict=True))
        self._proxies = proxies
        self._weather: list[Strike] = []
        self._ways: dict[Kind, Callable[[Strike], Awaitable[None]]] = {
            Kind.WORKER_KILLED: self._kill_worker,
            Kind.WORKER_PAUSED: self._pause_worker,
            Kind.WORKER_FROZEN: self._pause_worker,
            Kind.WORKER_ADDED: self._add_worker,
            Kind.WORKER_REMOVED: self._remove_worker,
            Kind.BROKER_KILLED: self._kill_broker,
            Kind.BROKER_CUT: self._disturb,
            Kind.BROKER_SILENT: self._disturb,
            Kind.BROKER_SLOW: self._disturb,
        }

    async def strike(self, strike: Strike) -> Struck:
        """Carry `strike` out to its end."""
        struck = Struck(strike, _now_ms())
        self.done.append(struck)
        await self._ways[strike.kind](strike)
        struck.ended_ms = struck.began_ms if strike.kind is Kind.WORKER_KILLED else _now_ms()
        return struck

    async def _kill_worker(self, strike: Strike) -> None:
        self._crew.pick(strike.target).signal(signal.SIGKILL)

    async def _pause_worker(self, strike: Strike) -> None:
        member = self._crew.pick(strike.target)
        process = member.process
        member.signal(signal.SIGSTOP)
        await asyncio.sleep(strike.seconds)
        if member.process is process:  # or it was killed meanwhile, and its successor never stood still
            member.signal(signal.SIGCONT)

    async def _add_worker(self, strike: Strike) -> None:
        self._crew.add()

    async def _remove_worker(self, strike: Strike) -> None:
        member = self._crew.pick(strike.target)
        member.signal(signal.SIGCONT)
        await member.stop()

    async def _kill_broker(self, strike: Strike) -> None:
        broker, turn = self._brokers[strike.target % len(self._brokers)]
        async with turn:
            broker.kill()
            await asyncio.sleep(strike.seconds)
            await asyncio.to_thread(broker.start)

    async def _disturb(self, strike: Strike) -> None:
        self._weather.append(strike)
        self._apply(strike)
        await asyncio.sleep(strike.seconds)
        self._weather.remove(strike)
        self._apply(self._weather[-1] if self._weather else None)

    def _apply(self, strike: Strike | None) -> None:
        """The latest disturbance that still lasts is the one that counts."""
        for proxy in self._proxies:
            match strike.kind if strike else None:
                case Kind.BROKER_CUT:
                    proxy.cut()
                case Kind.BROKER_SILENT:
                    proxy.silence()
                case Kind.BROKER_SLOW if strike is not None:
                    proxy.slow(strike.latency_seconds, strike.bytes_per_second)
                case _:
                    proxy.pass_on()


def _now_ms() -> float:
    return time.time() * 1000
