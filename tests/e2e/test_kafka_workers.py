"""Several `tidegate serve` on real brokers: they share the partitions, and whatever becomes of one, every reading counts once."""

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from kafka_logs import fresh_connection
from kafka_serving import Load, check_against_an_undisturbed_run, settings_for, site_of, topics
from serving import PATIENCE, all_scored, serving, settled

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

PARTITIONS = 4


@dataclass
class Member:
    """One process of the group."""

    process: Any
    client: httpx.Client
    log: Path

    def partitions(self, digest: bool = False) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.client.get("/v1/partitions", params={"digest": digest}).json()
        return shown

    def owned(self) -> list[int]:
        return [each["partition"] for each in self.partitions()]

    def said(self, event: str) -> bool:
        return f'"event": "{event}"' in self.log.read_text()

    def metric(self, name: str) -> float:
        (line,) = [line for line in self.client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])


class Group:
    """Starts processes, and remembers the digests they show."""

    def __init__(self, folder: Path, stack: ExitStack, settings: dict[str, str]) -> None:
        self._folder = folder
        self._stack = stack
        self._settings = settings
        self.digests: dict[int, dict[int, str]] = defaultdict(dict)

    def start(self, name: str, *options: str) -> Member:
        folder = self._folder / name
        folder.mkdir()
        process, client = self._stack.enter_context(serving(folder, *options, **self._settings))
        return Member(process, client, folder / "serve.log")

    def note_digests(self, *members: Member) -> None:
        """Note what each shows, once it went on from there: only then what it showed was committed."""
        for member in members:
            shown = {each["partition"]: each for each in member.partitions(digest=True)}
            until(lambda member=member, shown=shown: went_on(member, shown))  # type: ignore[misc]
            for index, each in shown.items():
                self.digests[index][each["sequence"]] = each["digest"]


def went_on(member: Member, shown: dict[int, dict[str, Any]]) -> bool:
    now = {each["partition"]: each["sequence"] for each in member.partitions()}
    return all(now[index] > each["sequence"] for index, each in shown.items())


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def shared(members: Iterable[Member], *counts: int) -> Callable[[], bool]:
    """Every partition is worked by one of `members`, by so many each, and all make progress."""

    def is_so() -> bool:
        owned = [member.owned() for member in members]
        ready = all(member.client.get("/readyz").status_code == httpx.codes.OK for member in members)
        return ready and sorted(map(len, owned)) == sorted(counts) and sorted(chain(*owned)) == list(range(PARTITIONS))

    return is_so


def test_one_process_two_four_two_one_under_load_with_one_killed_and_one_standing_still(kafka: str, tmp_path: Path) -> None:
    connection = fresh_connection(kafka)
    settings = settings_for(connection, tmp_path, PARTITIONS)
    assert topics("create", settings).returncode == 0
    with ExitStack() as stack:
        group = Group(tmp_path, stack, settings)
        first = group.start("first")
        load = stack.enter_context(Load(connection, PARTITIONS))
        second = group.start("second", "--roles", "worker")
        until(shared([first, second], 2, 2))
        with ThreadPoolExecutor() as at_once:
            third, fourth = at_once.map(lambda name: group.start(name, "--roles", "worker"), ("third", "fourth"))
        until(shared([first, second, third, fourth], 1, 1, 1, 1))
        group.note_digests(first, second, third, fourth)
        elsewhere = next(index for index in range(PARTITIONS) if index not in first.owned())
        answer = first.client.get("/v1/devices", params={"site": site_of(elsewhere, PARTITIONS)})
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert f"partition {elsewhere}" in answer.json()["detail"]

        fourth.process.kill()
        third.process.send_signal(signal.SIGSTOP)
        until(shared([first, second], 2, 2))
        third.process.send_signal(signal.SIGCONT)
        until(lambda: third.said("lost") or third.said("fenced"))
        until(shared([first, second, third], 1, 1, 2))
        group.note_digests(first, second, third)

        for member in (third, second):
            member.process.terminate()
            assert member.process.wait(PATIENCE) == 0
        until(shared([first], 4))
        sent = load.end()
        assert settled(first.client, sent)["balance"] == all_scored(sent)
        group.note_digests(first)
        assert first.metric("tidegate_partitions_owned") == PARTITIONS
        assert first.metric("tidegate_rebalances_total") >= 5
        first.process.terminate()
        assert first.process.wait(PATIENCE) == 0
    asyncio.run(check_against_an_undisturbed_run(connection, tmp_path, PARTITIONS, group.digests))
