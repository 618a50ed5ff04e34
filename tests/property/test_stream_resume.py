"""Whatever breaks and however slowly it is read, the stream is every fact once: nothing missing, nothing twice, in order."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.api.feed import Feed
from tidegate.api.stream_position import Position
from tidegate.api.streaming import ClientStream, Wanted
from tidegate.client.events import ServerSentEvent, server_sent_events
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.stream import GAP_EVENT, STREAMED, FactKind
from tidegate.ports import Outgoing

PARTITIONS = 3
SITES = [f"site-{number}" for number in range(5)]
KINDS = {kind: topic for topic, kind in STREAMED.items()}

steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.sampled_from(SITES), st.sampled_from(FactKind), st.integers(1, 6)),
        st.tuples(st.just("feed")),
        st.tuples(st.just("read"), st.integers(1, 8)),
        st.tuples(st.just("break")),
        st.tuples(st.just("restart")),
    ),
    max_size=60,
)


@dataclass
class World:
    """One log, the process that serves it, and one client that remembers what it got."""

    wanted: Wanted
    buffer: int
    log: MemoryLog = field(default_factory=lambda: MemoryLog(PARTITIONS, clock=ManualClock(), compacted=()))
    committed: list[tuple[str, str, int]] = field(default_factory=list)
    got: list[tuple[str, str, int]] = field(default_factory=list)
    position: str | None = None
    gaps: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another process of the same log; every connection is gone."""
        self.feed = Feed(self.log)
        self.events = None

    async def connect(self) -> None:
        subscription = await self.feed.subscribe(size=self.buffer, max_clients=2)
        after = None if self.position is None else Position.parse(self.position)
        stream = ClientStream(
            self.log, self.feed, subscription, self.wanted, after, replay_records=10_000, heartbeat_seconds=0.001
        )
        self._bytes = stream.events()
        self.events = server_sent_events(self._bytes)

    async def disconnect(self) -> None:
        if self.events is not None:
            await self.events.aclose()  # type: ignore[attr-defined]
            await self._bytes.aclose()  # type: ignore[attr-defined]
        self.events = None

    async def read(self, count: int) -> None:
        if self.events is None:
            await self.connect()
        for _ in range(count):
            self.take(await anext(self.events))  # type: ignore[arg-type]

    def take(self, event: ServerSentEvent) -> None:
        self.position = event.id or self.position
        if event.name == GAP_EVENT:
            self.gaps += 1
        elif event.data:
            site, number = event.data.decode().removeprefix('{"site":"').removesuffix("}").split('","n":')
            self.got.append((event.name, site, int(number)))

    async def commit(self, site: str, kind: FactKind, count: int) -> None:
        for _ in range(count):
            number = len(self.committed)
            fact = encode({"site": site, "n": number})
            await self.log.append([Outgoing(KINDS[kind], partition_of(site, PARTITIONS), site.encode(), fact)])
            self.committed.append((kind.value, site, number))

    async def finish(self) -> None:
        """Read until nothing is left."""
        await self.read(1)
        while await self.feed.catch_up():
            pass
        for _ in range(10):
            await self.read(len(self.committed) // 4 + 2)


def by_lane(facts: list[tuple[str, str, int]]) -> dict[tuple[str, int], list[int]]:
    lanes: dict[tuple[str, int], list[int]] = defaultdict(list)
    for kind, site, number in facts:
        lanes[kind, partition_of(site, PARTITIONS)].append(number)
    return lanes


async def live(world: World, script: list[tuple]) -> None:  # type: ignore[type-arg]  # steps differ in length
    await world.read(1)
    for name, *arguments in script:
        match name:
            case "commit":
                await world.commit(*arguments)
            case "feed":
                await world.feed.catch_up()
            case "read":
                await world.read(*arguments)
            case "break":
                await world.disconnect()
            case "restart":
                await world.disconnect()
                world.restart()
    await world.finish()
    await world.disconnect()


wishes = st.builds(Wanted, st.none() | st.sampled_from(SITES), st.frozensets(st.sampled_from(FactKind), max_size=3))


@settings(max_examples=60, deadline=None)
@given(steps, wishes, st.integers(1, 5))
def test_every_fact_comes_once_and_in_order_through_any_breaks(script: list[tuple], wanted: Wanted, buffer: int) -> None:  # type: ignore[type-arg]
    world = World(wanted, buffer)
    asyncio.run(live(world, script))
    expected = [
        fact
        for fact in world.committed
        if wanted.site in (None, fact[1]) and (not wanted.kinds or FactKind(fact[0]) in wanted.kinds)
    ]
    assert by_lane(world.got) == by_lane(expected)
    assert world.gaps == 0


@given(st.lists(st.integers(0, 2**53), min_size=5, max_size=60).filter(lambda numbers: len(numbers) % 5 == 0))
def test_a_position_survives_being_text(numbers: list[int]) -> None:
    count = len(numbers) // 5
    position = Position({topic: numbers[n * count : (n + 1) * count] for n, topic in enumerate(STREAMED)})
    again = Position.parse(position.token())
    assert [again.at(topic, each) for topic in STREAMED for each in range(count)] == numbers


@given(st.text(max_size=200) | st.binary(max_size=100).map(bytes.hex))
def test_no_text_but_ours_is_a_position(token: str) -> None:
    try:
        Position.parse(token)
    except Exception as error:
        assert "no position of this stream" in str(error)
