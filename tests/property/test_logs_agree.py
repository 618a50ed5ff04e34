"""The embedded log against its double: whatever is done to both, both say the same."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts.topics import FORECASTS, TELEMETRY
from tidegate.ports import Commit, Outgoing

PARTITIONS = 2
NAMES = [(topic, partition) for topic in (TELEMETRY, FORECASTS) for partition in range(PARTITIONS)]

names = st.sampled_from(NAMES)
offsets = st.integers(0, 60)
headers = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=2).map(tuple)
records = st.lists(
    st.builds(
        lambda name, *rest: Outgoing(*name, *rest),
        names,
        st.none() | st.sampled_from([b"a", b"b", b""]),
        st.none() | st.binary(max_size=300),
        headers,
    ),
    max_size=8,
)


class TwoLogs(RuleBasedStateMachine):
    """Does everything twice: to the log in memory, and to the one on disk, which is also closed and opened again."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.double = self.run(self.make_double())
        self.real = self.run(self.open_real())

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def both(self, method: str, *arguments: Any, **options: Any) -> Any:
        results = [self.run(getattr(log, method)(*arguments, **options)) for log in (self.double, self.real)]
        assert results[0] == results[1]
        return results[0]

    async def make_double(self) -> MemoryLog:
        return MemoryLog(PARTITIONS, clock=self.clock)

    async def open_real(self) -> EmbeddedLog:
        return await EmbeddedLog.open(Path(self.folder.name) / "log.db", partitions=PARTITIONS, clock=self.clock)

    @rule(records=records)
    def append(self, records: list[Outgoing]) -> None:
        self.clock.advance(1)
        self.both("append", records)

    @rule(partition=st.integers(0, PARTITIONS - 1), records=records, offset=offsets)
    def commit(self, partition: int, records: list[Outgoing], offset: int) -> None:
        self.both("commit", Commit(partition, records, {TELEMETRY: offset}))

    @rule(name=names, offset=offsets)
    def trim(self, name: tuple[str, int], offset: int) -> None:
        self.both("trim", *name, offset)

    @rule(name=names, offset=offsets, max_records=st.integers(1, 20), max_bytes=st.integers(1, 2000))
    def read(self, name: tuple[str, int], offset: int, max_records: int, max_bytes: int) -> None:
        self.both("read", *name, offset, max_records=max_records, max_bytes=max_bytes)

    @rule()
    def reopen(self) -> None:
        self.run(self.real.close())
        self.real = self.run(self.open_real())

    @invariant()
    def they_say_the_same(self) -> None:
        for name in NAMES:
            self.both("start_offset", *name)
            self.both("end_offset", *name)
            self.both("read", *name, 0, max_records=10_000, max_bytes=1 << 30)
        for partition in range(PARTITIONS):
            self.both("positions", partition)

    def teardown(self) -> None:
        self.run(self.real.close())
        self.runner.close()
        self.folder.cleanup()


TestTwoLogs = TwoLogs.TestCase
TestTwoLogs.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
