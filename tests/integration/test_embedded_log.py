"""The embedded log against what disks, power cuts and second processes do to it; what every log promises is in tests/contract."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.embedded.compaction import COMPACT_AFTER
from tidegate.adapters.embedded.store import Store
from tidegate.adapters.embedded.worker import StoreThread
from tidegate.contracts.topics import FORECASTS, JOURNAL, TELEMETRY
from tidegate.errors import ConfigurationError, DependencyError, LogFullError, LogInUseError, StateLostError
from tidegate.ports import Commit, Outgoing, Record

MEBIBYTE = 1 << 20

HOLDER = """
import asyncio, sys
from pathlib import Path
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.ports import Commit, Outgoing

async def main(path):
    log = await EmbeddedLog.open(path, partitions=1)
    number = (await log.positions(0)).get("in", 0)
    while True:
        outputs = [Outgoing("out", 0, b"site", b"%d" % number) for _ in range(50)]
        outputs += [Outgoing("tidegate.forecasts.v1", 0, b"device-%d" % key, b"%d" % number) for key in range(50)]
        await log.commit(Commit(0, outputs, {"in": number + 1}))
        number += 1
        print(number, flush=True)
        if number % 40 == 0:
            await log.trim("out", 0, 50 * (number - 20))

asyncio.run(main(Path(sys.argv[1])))
"""


DYING = """
import os, signal
from tidegate.adapters.embedded.store import Store

calls, original = 0, Store.METHOD

def dying(self, *arguments):
    global calls
    calls += 1
    if calls == 5 and "WHEN" == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(self, *arguments)
    if calls == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

Store.METHOD = dying
"""


@contextmanager
def another_process(path: Path, prelude: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that holds the log at `path` and keeps committing; each line it prints is a commit it was told is durable."""
    process = subprocess.Popen([sys.executable, "-c", prelude + HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def telemetry(value: bytes, count: int = 1) -> list[Outgoing]:
    return [Outgoing(TELEMETRY, 0, b"site", value)] * count


async def read_all(log: EmbeddedLog, topic: str = TELEMETRY) -> list[Record]:
    return list(await log.read(topic, 0, 0, max_records=1_000_000, max_bytes=1 << 40))


@pytest.mark.parametrize(
    ("method", "when", "position"),
    [
        ("append", "before", 4),
        ("append", "after", 4),  # outputs are in the transaction, positions are not
        ("set_positions", "after", 4),
        ("_save_streams", "after", 4),  # the next thing would have been COMMIT
        ("write", "after", 5),  # durable, but nobody was told
    ],
)
async def test_killed_inside_the_fifth_commit_it_is_there_whole_or_not_at_all(
    tmp_path: Path, method: str, when: str, position: int
) -> None:
    with another_process(tmp_path / "log.db", DYING.replace("METHOD", method).replace("WHEN", when)) as process:
        assert process.stdout.read().split() == ["1", "2", "3", "4"]
        assert process.wait() == -signal.SIGKILL
    log = await EmbeddedLog.open(tmp_path / "log.db")
    assert await log.positions(0) == {"in": position}
    assert [record.value for record in await read_all(log, "out")] == [b"%d" % (at // 50) for at in range(50 * position)]
    assert await log.append([Outgoing("out", 0, b"site", b"next")]) == [50 * position]
    await log.close()


async def test_killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_there_in_part(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    for kills, commits in enumerate((7, 60), start=1):
        with another_process(path) as process:
            acknowledged = [int(process.stdout.readline()) for _ in range(commits)]
            process.kill()
            acknowledged += [int(line) for line in process.stdout.read().splitlines()]
        log = await EmbeddedLog.open(path)
        position = (await log.positions(0))["in"]
        assert position in (acknowledged[-1], acknowledged[-1] + 1), f"kill {kills} lost an acknowledged commit"
        numbers = [int(record.value) for record in await read_all(log, "out")]
        assert len(numbers) % 50 == 0 and set(numbers) == set(range(numbers[0], position)), "a commit is there in part"
        latest = {record.key: int(record.value) for record in await read_all(log, FORECASTS)}
        assert latest == {b"device-%d" % key: position - 1 for key in range(50)}
        assert await log.end_offset("out", 0) == 50 * position
        await log.close()


async def test_a_second_process_is_kept_out_and_told_which_process_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with another_process(path) as holder:
        holder.stdout.readline()
        with pytest.raises(LogInUseError, match=f"in use by process {holder.pid} .*stop process {holder.pid}"):
            await EmbeddedLog.open(path)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        log = await EmbeddedLog.open(path)
        await log.close()


async def test_a_second_opener_in_the_same_process_is_kept_out_until_the_first_closes(tmp_path: Path) -> None:
    first = await EmbeddedLog.open(tmp_path / "log.db")
    with pytest.raises(LogInUseError):
        await EmbeddedLog.open(tmp_path / "log.db")
    await first.append(telemetry(b"still mine"))
    await first.close()
    second = await EmbeddedLog.open(tmp_path / "log.db")
    assert len(await read_all(second)) == 1
    await second.close()


async def test_another_program_on_the_file_is_kept_out_too(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db")
    with (
        closing(sqlite3.connect(tmp_path / "log.db", timeout=0)) as stranger,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        stranger.execute("SELECT * FROM record")
    await log.close()
    with closing(sqlite3.connect(tmp_path / "log.db", timeout=0)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogInUseError, match="another program"):
            await EmbeddedLog.open(tmp_path / "log.db")


async def test_a_full_log_writes_nothing_says_what_to_do_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db", max_bytes=MEBIBYTE)
    with pytest.raises(LogFullError, match=r"nothing was written .*free disk space"):
        for _ in range(1000):
            await log.append(telemetry(b"x" * 10_000, 10))
    written = await read_all(log)
    with pytest.raises(LogFullError):
        await log.commit(Commit(0, telemetry(b"y" * 10_000, 40), {TELEMETRY: 99}))
    assert await read_all(log) == written
    assert await log.positions(0) == {}
    end = await log.end_offset(TELEMETRY, 0)
    await log.trim(TELEMETRY, 0, end - 10)
    await log.commit(Commit(0, telemetry(b"z" * 10_000, 40), {TELEMETRY: end}))
    assert [record.offset for record in await read_all(log)] == list(range(end - 10, end + 40))
    assert await log.positions(0) == {TELEMETRY: end}
    await log.close()


async def test_a_request_too_large_for_the_disk_does_not_sink_its_neighbours(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db", max_bytes=MEBIBYTE)
    outcomes = await asyncio.gather(
        log.append(telemetry(b"small")),
        log.append(telemetry(b"x" * (4 * MEBIBYTE))),
        log.append(telemetry(b"small too")),
        return_exceptions=True,
    )
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [[0], LogFullError, [1]]
    assert [record.value for record in await read_all(log)] == [b"small", b"small too"]
    await log.close()


def test_a_failed_transaction_leaves_nothing_behind_in_memory_either(tmp_path: Path) -> None:
    store = Store(tmp_path / "log.db", 1, None)

    def refuse() -> list[int]:
        raise LogFullError("no space")

    with pytest.raises(LogFullError):
        store.write([lambda: store.append(telemetry(b"lost", 3), 0), refuse])
    assert store.stream(TELEMETRY, 0) is None
    assert store.write([lambda: store.append(telemetry(b"kept"), 0)]) == [[0]]
    assert [record.value for record in store.read(TELEMETRY, 0, 0, 10, 1000)] == [b"kept"]
    store.close()


async def test_a_process_that_may_not_write_larger_files_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000));" + HOLDER
    )
    command = [sys.executable, "-c", limited, str(tmp_path / "log.db")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert "tidegate.errors.DependencyError" in done.stderr
    log = await EmbeddedLog.open(tmp_path / "log.db")
    assert (await log.positions(0))["in"] == int(done.stdout.split()[-1])
    await log.close()


async def filled(path: Path) -> None:
    log = await EmbeddedLog.open(path)
    await log.append(telemetry(b"x" * 1000, 1000))
    await log.close()


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at" * 100, b"SQLite format 3\x00" + b"\xff" * 4096]
)
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.db").write_bytes(content)
    with pytest.raises(StateLostError, match=r"damaged.*restore the file from a backup"):
        await EmbeddedLog.open(tmp_path / "log.db")
    assert (tmp_path / "log.db").read_bytes() == content


async def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await filled(path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(StateLostError, match="damaged"):
        log = await EmbeddedLog.open(path)
        try:
            await read_all(log)
        finally:
            await log.close()


async def test_damaged_pages_are_reported_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await filled(path)
    raw = bytearray(path.read_bytes())
    raw[40_000:600_000] = b"\xa5" * 560_000
    path.write_bytes(raw)
    log = await EmbeddedLog.open(path)
    with pytest.raises(StateLostError, match="damaged"):
        await read_all(log)
    await log.close()


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(DependencyError, match="not a Tidegate log"):
        await EmbeddedLog.open(tmp_path / "log.db")


async def test_a_later_file_format_is_refused(tmp_path: Path) -> None:
    await filled(tmp_path / "log.db")
    with closing(sqlite3.connect(tmp_path / "log.db")) as later:
        later.execute("PRAGMA user_version = 2")
    with pytest.raises(DependencyError, match="log format 2, expected 1"):
        await EmbeddedLog.open(tmp_path / "log.db")


async def test_the_partition_count_is_fixed_when_the_file_is_made(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db", partitions=4)
    await log.close()
    with pytest.raises(ConfigurationError, match=r"has 4 partitions, configured are 8 .*set the partition count to 4"):
        await EmbeddedLog.open(tmp_path / "log.db", partitions=8)
    with pytest.raises(ConfigurationError, match="at least 1 partition"):
        await EmbeddedLog.open(tmp_path / "log.db", partitions=0)
    again = await EmbeddedLog.open(tmp_path / "log.db", partitions=4)
    await again.close()


async def test_a_folder_that_cannot_be_made_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DependencyError, match="cannot make folder"):
        await EmbeddedLog.open(tmp_path / "file" / "log.db")
    (tmp_path / "log.db").mkdir()
    with pytest.raises(DependencyError):
        await EmbeddedLog.open(tmp_path / "log.db")


async def test_compaction_forgets_replaced_records_and_keeps_keyless_ones_and_tombstones(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db")
    await log.append([Outgoing(FORECASTS, 0, None, b"keyless"), Outgoing(FORECASTS, 0, b"gone", b"1")])
    await log.append([Outgoing(FORECASTS, 0, b"gone", None)])
    for number in range(100):
        await log.append([Outgoing(FORECASTS, 0, b"%d" % key, b"%d" % number) for key in range(50)])
    await log.close()
    log = await EmbeddedLog.open(tmp_path / "log.db")
    records = await read_all(log, FORECASTS)
    assert len(records) < 50 + COMPACT_AFTER + 50, "replaced records pile up"
    assert [record.offset for record in records] == sorted(record.offset for record in records)
    assert records[0].value == b"keyless"
    assert {record.key: record.value for record in records[1:]} == {b"gone": None} | {b"%d" % key: b"99" for key in range(50)}
    await log.close()


async def test_a_topic_that_is_not_compacted_keeps_every_record_of_a_key(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db")
    for _ in range(3):
        await log.append([Outgoing(JOURNAL, 0, b"0", b"entry")] * COMPACT_AFTER)
    assert len(await read_all(log, JOURNAL)) == 3 * COMPACT_AFTER
    await log.close()


async def test_trimming_gives_space_back_to_later_records(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db")
    await log.append(telemetry(b"x" * 500, 5000))
    full = await log.used_bytes()
    await log.trim(TELEMETRY, 0, 4990)
    assert await log.used_bytes() < full / 10
    await log.append(telemetry(b"x" * 500, 4000))
    await log.close()
    assert (tmp_path / "log.db").stat().st_size <= full


async def test_writers_that_wait_together_share_one_transaction(tmp_path: Path) -> None:
    transactions = []
    thread = StoreThread(lambda _: False, lambda: transactions.append(1))
    await thread.start(lambda: Store(tmp_path / "log.db", 1, None))
    gate = threading.Event()
    held = asyncio.create_task(thread.run(lambda _: gate.wait(), writes=False))
    await asyncio.sleep(0)
    writers = [asyncio.create_task(thread.run(lambda store: store.append(telemetry(b"a"), 0), writes=True)) for _ in range(100)]
    await asyncio.sleep(0)
    gate.set()
    await held
    assert [offset for offsets in await asyncio.gather(*writers) for offset in offsets] == list(range(100))
    assert len(transactions) == 1
    await thread.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_should_the_thread_ever_die_nobody_waits_for_it(tmp_path: Path) -> None:
    def defect(_: Store) -> bool:
        raise ValueError("a defect in upkeep")

    thread = StoreThread(defect, lambda: None)
    await thread.start(lambda: Store(tmp_path / "log.db", 1, None))
    gate = threading.Event()
    held = asyncio.create_task(thread.run(lambda _: gate.wait(), writes=False))
    write = asyncio.create_task(thread.run(lambda store: store.append(telemetry(b"a"), 0), writes=True))
    await asyncio.sleep(0)
    gate.set()
    assert (await held, await write) == (True, [0])
    with pytest.raises(DependencyError, match=r"closed|has ended"):
        await thread.run(lambda store: store.positions(0), writes=False)
    await thread.stop()


async def test_an_append_whose_caller_gave_up_still_wakes_those_who_wait(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db")
    waiting = asyncio.create_task(log.wait(60))
    writing = asyncio.create_task(log.append(telemetry(b"a")))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait_for(waiting, 30)
    assert len(await read_all(log)) == 1
    await log.close()


async def test_closing_finishes_what_was_asked_before(tmp_path: Path) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.db")
    writers = [asyncio.create_task(log.append(telemetry(b"a"))) for _ in range(20)]
    await asyncio.sleep(0)
    await log.close()
    assert sorted(offset for offsets in await asyncio.gather(*writers) for offset in offsets) == list(range(20))
