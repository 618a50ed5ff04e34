"""The way between processes and the broker: connections, frames under way, and everything that can happen to them.

Frames of one connection keep their order; nothing else does. What a process has sent can still arrive after it gave up,
closed the connection or died, until somebody loses it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from support.simulated.broker import Broker
from support.simulated.time import HandLoop, HandTime
from support.simulated.wire import Call, call_of


@dataclass(frozen=True, slots=True)
class Frame:
    """Something under way since `arrival`, a number that rises with every frame."""

    arrival: int
    data: bytes


@dataclass(eq=False, slots=True)
class Connection:
    """Frames under way in both directions. A held one delivers nothing until it is released."""

    loop: HandLoop
    protocol: Any
    requests: deque[Frame] = field(default_factory=deque)
    answers: deque[Frame] = field(default_factory=deque)
    held: bool = False
    client_open: bool = True
    broker_open: bool = True
    waiting: Call | None = None
    waiting_since: float = 0.0

    def next_call(self) -> str:
        """The name of the request that would reach the broker next; empty when there is none."""
        return call_of(self.requests[0].data).name if self.requests else ""


class Transport(asyncio.Transport):
    """A process's end of a connection."""

    def __init__(self, network: "Network", connection: Connection) -> None:
        super().__init__()
        self._network = network
        self._connection = connection

    def write(self, data: Any) -> None:
        if self._connection.client_open and self._connection.broker_open:
            self._connection.requests.append(self._network.frame(bytes(data)))

    def close(self) -> None:
        self._network.hang_up(self._connection)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return not self._connection.client_open


class Network:
    """All connections. `deliver` lets one frame arrive: the one under way for longest that is not held."""

    def __init__(self, time: HandTime, broker: Broker) -> None:
        self._time = time
        self._broker = broker
        self._numbers = count()
        self.connections: list[Connection] = []
        self.up = True
        self.reachable = True
        self.markers_held = False
        self._cut_off: set[HandLoop] = set()
        self._turn = False

    def frame(self, data: bytes) -> Frame:
        """`data`, under way from now on."""
        return Frame(next(self._numbers), data)

    async def connect(self, loop: HandLoop, protocol: Any) -> Transport:
        """A connection for a process; waits while the broker cannot be reached."""
        while not self.reachable or loop in self._cut_off:  # noqa: ASYNC110 it may be another loop that changes it
            await asyncio.sleep(0.5)
        if not self.up:
            raise ConnectionRefusedError("the broker is down")
        connection = Connection(loop, protocol)
        self.connections.append(connection)
        transport = Transport(self, connection)
        protocol.connection_made(transport)
        return transport

    def hang_up(self, connection: Connection) -> None:
        """The process closes; what it has sent stays under way, what was on its way to it is dropped."""
        if connection.client_open:
            connection.client_open = False
            connection.answers.clear()
            connection.loop.call_soon(connection.protocol.connection_lost, None)

    def cut(self, connection: Connection, *, lose_requests: bool) -> None:
        """The connection breaks; both sides notice. Answers are lost, and requests that had not arrived if so wished."""
        connection.answers.clear()
        if lose_requests:
            connection.requests.clear()
            connection.broker_open = False
        if connection.client_open:
            connection.client_open = False
            connection.loop.call_soon(connection.protocol.connection_lost, ConnectionResetError("cut"))

    def cut_off(self, loop: HandLoop) -> None:
        """A process is dead: it says nothing any more and hears nothing."""
        self._cut_off.add(loop)
        for connection in self.connections:
            if connection.loop is loop and connection.client_open:
                connection.client_open = False
                connection.answers.clear()
                connection.loop.call_soon(connection.protocol.connection_lost, None)

    def stop_broker(self) -> None:
        """The broker dies with all connections; what it has written stays."""
        self.up = False
        for connection in self.connections:
            connection.waiting = None
            self.cut(connection, lose_requests=True)

    def deliver(self) -> bool:
        """Let the next frame arrive, or the next marker be written; False when nothing is under way that is not held."""
        self.connections = [one for one in self.connections if one.client_open or one.requests]
        heads = [(head.arrival, connection) for connection in self.connections for head in self._heads(connection)]
        self._turn = not self._turn
        if self._broker.chores and self.up and not self.markers_held and (self._turn or not heads):
            self._broker.chores.popleft()()
            self.ask_again()
        elif heads:
            self.deliver_on(min(heads, key=lambda each: each[0])[1])
        else:
            return False
        return True

    def deliver_on(self, connection: Connection) -> None:
        """Let the next frame of `connection` arrive: an answer if there is one, or else a request."""
        if connection.answers:
            data = connection.answers.popleft().data
            connection.loop.call_soon(connection.protocol.data_received, data)
            return
        call = connection.waiting = call_of(connection.requests.popleft().data)
        connection.waiting_since = self._time.seconds
        self._answer(connection)
        if call.name == "produce":
            self.ask_again()

    def ask_again(self) -> None:
        """Answer what waits and can be answered by now."""
        for connection in self.connections:
            self._answer(connection)

    def _answer(self, connection: Connection) -> None:
        if connection.waiting is None:
            return
        answer = self._broker.handle(connection.waiting, connection.waiting_since)
        if answer is not None:
            connection.waiting = None
            if connection.client_open:
                connection.answers.append(self.frame(answer))

    def quiet(self) -> bool:
        """True when nothing is under way, at most fetches wait: every process waits for time or input."""
        return not self._broker.chores and not any(one.requests or one.answers for one in self.connections if one.client_open)

    def waiting_since(self) -> float | None:
        """Since when the longest wait of a fetch lasts."""
        return min((one.waiting_since for one in self.connections if one.waiting is not None), default=None)

    def _heads(self, connection: Connection) -> Iterator[Frame]:
        if connection.held or not self.up or not self.reachable:
            return
        if connection.answers:
            yield connection.answers[0]
        elif connection.requests and connection.waiting is None:
            yield connection.requests[0]
