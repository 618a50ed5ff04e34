"""Single anomalies and incidents on their way to a real Alertmanager: told, told again, resolved; also while it was away."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from histories import fresh_history
from tidegate.adapters.alertmanager import Alertmanager
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.history import Follower, SqlViews
from tidegate.adapters.memory import MemoryLog
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.api import examples
from tidegate.api.alerting import teller
from tidegate.api.alerting.teller import AlertTeller
from tidegate.api.alerting.wording import Wording
from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import AnomalyId, DeviceId, SiteId
from tidegate.errors import DependencyError
from tidegate.ports import Outgoing

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
HOSTILE = [
    'quote" } or 1',
    "<script>alert(1)</script>",
    "{{ .Labels.site }}",
    "'; drop table alerts; --",
    "设备 ü",
    "a=b,c",
    "x" * 128,
]


@dataclass
class Server:
    """An Alertmanager with the shipped routes, to be started and killed."""

    folder: Path
    port: int
    closing: ExitStack
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        options = [f"--storage.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"]
        config = f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yml'}"
        said = self.closing.enter_context((self.folder / "alertmanager.log").open("ab"))
        command = ["prometheus-alertmanager", config, *options, "--cluster.listen-address="]
        self.process = self.closing.enter_context(subprocess.Popen(command, stdout=said, stderr=said))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with ExitStack() as closing, socket.create_server(("127.0.0.1", 0)) as free:
        server = Server(tmp_path, int(free.getsockname()[1]), closing)
        free.close()
        yield server
        server.kill()


@dataclass
class Rig:
    log: MemoryLog
    views: SqlViews
    follower: Follower
    metrics: PrometheusMetrics
    http: httpx.AsyncClient
    url: str

    def teller(self) -> AlertTeller:
        sink, wording = Alertmanager(self.http, self.url), Wording(link="http://localhost:8080")
        return AlertTeller(self.log, self.views, sink, wording, SystemClock(), self.metrics)

    async def publish(self, *facts: Any) -> None:
        topic = {Anomaly: topics.ANOMALIES}
        await self.log.append(
            [Outgoing(topic.get(type(fact), topics.INCIDENTS), 0, fact.site.encode(), encode(fact)) for fact in facts]
        )
        while await self.follower.catch_up():
            pass

    async def firing(self) -> list[dict[str, Any]]:
        answer = await self.http.get(f"{self.url}/api/v2/alerts")
        found: list[dict[str, Any]] = answer.json()
        return found

    def counted(self, name: str) -> float:
        [line] = [line for line in self.metrics.render().decode().splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])


@pytest_asyncio.fixture
async def rig(server: Server, tmp_path: Path) -> AsyncIterator[Rig]:
    clock = SystemClock()
    log = MemoryLog(1, clock=clock)
    history, metrics = fresh_history(tmp_path), PrometheusMetrics()
    async with httpx.AsyncClient() as http:
        yield Rig(log, SqlViews(history, 1), Follower(log, history, metrics), metrics, http, f"http://127.0.0.1:{server.port}")
    await history.close()


def anomaly(name: str, version: int = 1, **changes: Any) -> Anomaly:
    now = SystemClock().now_ms()
    times = {"opened_at_ms": now - 120_000, "event_time_ms": now - 60_000}
    return replace(examples.ANOMALY, id=AnomalyId(name), version=version, **times, **changes)


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if await look():
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def test_what_opens_is_told_with_hostile_names_as_they_are_and_resolves_when_it_closes(server: Server, rig: Rig) -> None:
    server.start()
    told = rig.teller()
    facts = [anomaly(f"a{n}", site=SiteId(name), device=DeviceId(name)) for n, name in enumerate(HOSTILE)]
    await rig.publish(*facts, examples.INCIDENT)
    await until(lambda: _round(told))
    shown = {alert["labels"].get("device"): alert for alert in await rig.firing()}
    assert set(shown) == {*HOSTILE, None}
    for name in HOSTILE:
        alert = shown[name]
        assert alert["labels"]["site"] == name
        assert examples.REASON.text in alert["annotations"]["reasons"]
        assert [receiver["name"] for receiver in alert["receivers"]] == ["operators"]
    assert shown[None]["labels"]["alertname"] == "TidegateSiteIncident"
    assert rig.counted("tidegate_alerts_sent_total") == len(HOSTILE) + 1
    assert rig.counted("tidegate_alerts_refused_total") == 0

    now = SystemClock().now_ms()
    told.book._entries["a0"].told_first_ms = now - 3_600_000  # as if it had been told an hour ago
    await rig.publish(replace(facts[0], version=2, status=AnomalyStatus.CLOSED, closed_at_ms=now))
    await until(lambda: _round(told))

    async def resolved() -> bool:
        return HOSTILE[0] not in {alert["labels"].get("device") for alert in await rig.firing()}

    await until(resolved)


async def test_nothing_is_lost_while_alertmanager_is_away_and_a_restart_of_ours_tells_what_goes_on(
    server: Server, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "WAIT_SECONDS", (0.05, 0.1))
    monkeypatch.setattr(teller, "ROUND_SECONDS", 0.05)
    first = rig.teller()
    await rig.publish(anomaly("before"))
    running = asyncio.create_task(first.run())

    async def failed() -> bool:
        return rig.counted("tidegate_alerts_failed_total") >= 2

    await until(failed)
    server.start()
    await until(lambda: _shows(rig, "before"))
    server.kill()
    await rig.publish(anomaly("meanwhile"), replace(examples.ANOMALY, id=AnomalyId("minor"), severity=examples.Severity.LOW))
    await asyncio.sleep(0.3)
    server.start()
    await until(lambda: _shows(rig, "meanwhile"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    second = rig.teller()
    await second.round()
    assert {"before", "meanwhile"} == {alert["labels"]["anomaly"] for alert in await rig.firing()}


async def test_one_that_alertmanager_does_not_take_does_not_keep_back_the_others(server: Server, rig: Rig) -> None:
    server.start()
    await until(lambda: _shows(rig))
    sink = Alertmanager(rig.http, rig.url)
    good = rig.teller()
    await rig.publish(anomaly("good"))
    await good.round()
    [(_, alert)] = [(entry, good.book._alert(entry, SystemClock().now_ms())) for entry in good.book._entries.values()]
    assert await sink.send([replace(alert, labels={"": "no name"}), replace(alert, labels={"alertname": "other"})]) == 2
    await until(lambda: _shows(rig, "good"))
    assert "other" in {shown["labels"]["alertname"] for shown in await rig.firing()}


async def _round(told: AlertTeller) -> bool:
    try:
        await told.round()
    except DependencyError:
        return False
    return True


async def _shows(rig: Rig, *names: str) -> bool:
    return set(names) <= {alert["labels"].get("anomaly") for alert in await rig.firing()}
